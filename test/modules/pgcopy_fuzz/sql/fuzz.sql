-- Every decoder against its receive function: no difference in any image.
\set seed 20240917
\set rounds 200000
CREATE EXTENSION pgcopy_fuzz;
\echo seed :seed
CREATE TABLE samples(type regtype, typmod int, samples text[]);
INSERT INTO samples VALUES
('bool', -1, '{t,f}'), ('"char"', -1, '{a,""}'),
('int2', -1, '{0,-1,32767}'), ('int4', -1, '{0,-1,2147483647}'),
('int8', -1, '{0,-1,9223372036854775807}'), ('oid', -1, '{0,4294967295}'),
('float4', -1, '{0,-0,NaN,Infinity,1.5}'), ('float8', -1, '{0,-0,NaN,-Infinity,1.5}'),
('uuid', -1, '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'),
('bytea', -1, ARRAY['', '\x00ff', '\x' || repeat('ab', 123), '\x' || repeat('ab', 300)]),
('text', -1, ARRAY['', 'a', 'h' || chr(233) || 'llo', repeat('x', 126), repeat('x', 127), repeat(chr(8364), 50)]),
('varchar', -1, ARRAY['abc', chr(8364)]),
('varchar', 9, ARRAY['abc', 'abcde', 'abcde   ', chr(8364) || 'abcd', 'toolong']),
('bpchar', -1, ARRAY['abc', '']),
('bpchar', 9, ARRAY['abc', 'abcde', 'abcde   ', chr(8364) || 'abcd', 'toolong']),
('bpchar', 124, ARRAY[repeat('a', 120), repeat('a', 110) || '          ']),
('name', -1, ARRAY['pg_class', repeat('n', 63), '']),
('date', -1, '{infinity,-infinity,2020-01-01,4713-01-01 BC,5874897-12-31}'),
('time', -1, '{00:00,24:00,12:34:56.789012}'), ('time', 3, '{00:00,24:00,12:34:56.789512}'),
('timestamp', -1, '{infinity,-infinity,2020-01-01 12:34:56.789012,4713-01-01 BC,294276-12-31 23:59:59.999999}'),
('timestamp', 2, '{infinity,2020-01-01 12:34:56.789012,4713-01-01 BC,294276-12-31 23:59:59.999999}'),
('timestamptz', -1, '{infinity,-infinity,2020-01-01 12:34:56.789012+00,294276-12-31 23:59:59+00}'),
('timestamptz', 0, '{infinity,-infinity,2020-01-01 12:34:56.789012+00,294276-12-31 23:59:59+00}'),
('timetz', -1, '{12:00+02,24:00-15:59}'),
('interval', -1, '{1 day,-178000000 years,00:00:01.5}'),
('interval', (32767 << 16) + 2, '{1 day,00:00:01.5555}'),
('numeric', -1, ARRAY['0', '0.00', '1', '-1', '10000', '0.0001', '123456789.987654321', 'NaN', 'Infinity', '-Infinity', '1e300', '1e-300', '100000000', repeat('9', 300), '0.' || repeat('0', 70) || '1']),
('numeric', (10 << 16) + 3 + 4, '{0,1,-1.5,999.999,1234567.891,NaN,Infinity,0.0005,12345678}'),
('numeric', (5 << 16) + 0 + 4, '{0,1,12345,99999,100000,0.5}'),
('int4[]', -1, '{"{}","{1,2,3}","{1,NULL}","[-1:0][2:3]={{1,2},{3,4}}"}'),
('int2[]', -1, '{"{}","{1,2,3}","{1,NULL}"}'), ('int8[]', -1, '{"{}","{1,2,3}","{1,NULL}"}'),
('bool[]', -1, '{"{t,f,NULL}"}'), ('uuid[]', -1, '{"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}"}'),
('text[]', -1, ARRAY['{}', '{a,NULL,""}', '{{a,b},{c,d}}', '{"long' || repeat('x', 200) || '",' || chr(233) || '}']),
('varchar[]', 9, '{"{abc,abcde}","{toolong}"}'), ('bpchar[]', 9, '{"{abc,abcde}","{toolong}"}'),
('numeric[]', -1, '{"{1.5,NaN,NULL,0,1e50}"}'), ('numeric[]', (10 << 16) + 3 + 4, '{"{1.5,2.345,1}"}'),
('timestamptz[]', -1, '{"{infinity,2020-01-01 00:00+00}"}'), ('date[]', -1, '{"{infinity,2020-01-01,NULL}"}'),
('interval[]', -1, '{"{1 day,NULL}"}'), ('name[]', -1, '{"{a,b}"}'), ('bytea[]', -1, ARRAY['{"\\x00ff",NULL}']),
('inet', -1, '{10.0.0.1/8,::1,0.0.0.0/0,255.255.255.255,1:2:3:4:5:6:7:8/127}'),
('cidr', -1, '{10.0.0.0/8,::/0,0.0.0.0/0,10.1.2.3,10.128.0.0/9,1:2:3:4:5:6:7:8}'),
('inet[]', -1, '{"{10.0.0.1/8,::1,NULL}"}'), ('timetz', 2, '{12:00+02,24:00-15:59,01:02:03.456789+00}'),
('timetz[]', -1, '{"{12:00+02,NULL}"}'), ('json[]', -1, ARRAY['{"[1,2]",NULL,"{}"}']),
('jsonb[]', -1, ARRAY['{"[1,2]",NULL,"{\"a\": 1}"}']),
('json', -1, ARRAY['{"a":1}', '[1,2]', '"\u0000\ud83d"', ' -1.5e+10 ', '{"b":[{}, [], ""],"a":null,"a":true}', repeat('[', 64) || repeat(']', 64),
 repeat('[', 65) || repeat(']', 65)]),
('jsonb', -1, ARRAY['{}', '[]', '"s"', '-0', '1.50', 'null', 'true', '{"a": 1, "b": {"c": [1, 2.5, "x", false]}, "name": "value"}',
 '{"b": 1, "aa": 2, "a": 3, "b": 4}', '["\n\t\\ \" \u0001 ' || chr(233) || '"]', '[1e10, 1e-10, 1e500, 0.00000000000000000001]',
 repeat('[', 64) || repeat(']', 64), repeat('[', 65) || repeat(']', 65), '[' || repeat('9', 200) || '.5, ' || repeat('9', 201) || ', 0.' || repeat('1', 63) || ', 0.' || repeat('1', 64) || ']',
 (SELECT jsonb_agg(i)::text FROM generate_series(1, 100) AS i), (SELECT jsonb_object_agg('key' || i, repeat('v', i))::text FROM generate_series(1, 70) AS i)]);
SELECT type::regtype, typmod, pgcopy_fuzz(type, typmod, samples, :rounds, (:seed)::bigint) AS differences
FROM samples ORDER BY type::text COLLATE "C", typmod;
DROP TABLE samples;
DROP EXTENSION pgcopy_fuzz;
