-- Rows: every data case.  The variable big_size is the size in bytes of the
-- large values (default 20 MB, -v big_size=... changes it).
\set ON_ERROR_STOP on
\if :{?big_size} \else \set big_size 20000000 \endif
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SET lc_monetary = 'C';

INSERT INTO ev."Upper" VALUES (1, 2, 'x', 'y', '%s', '-', E'\n', 'ü'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO ev."select" VALUES (1, 'a'), (2, NULL);
INSERT INTO ev."quo""te" VALUES (1);
INSERT INTO ev."it's" VALUES (2);
INSERT INTO ev."per%cent %s %n" VALUES (3);
INSERT INTO ev."hy-phen" VALUES (4);
INSERT INTO ev."new
line
\! echo not a command" VALUES (5, 'five');
INSERT INTO ev."back\slash" VALUES (6);
INSERT INTO ev."semi;colon -- /* $$" VALUES (7);
INSERT INTO ev."dot.dot" VALUES (8);
INSERT INTO ev."täble ☃" VALUES (9);
INSERT INTO ev."a23456789b123456789c123456789d123456789e123456789f123456789_63x" VALUES (10);
INSERT INTO ev.same_name SELECT generate_series(1, 5);
INSERT INTO ev2.same_name SELECT 'ev2 ' || generate_series(1, 7);
INSERT INTO "Ev ""Odd"" Schema".same_name SELECT generate_series(1, 9);
INSERT INTO "Ev ""Odd"" Schema"."Tab ""le""" ("V") SELECT 'v' || g FROM generate_series(1, 20) g;
INSERT INTO "select"."table" VALUES (1, 'group');
INSERT INTO pgcopy_x.job VALUES (1, 'not ours');
INSERT INTO public.job VALUES (1, 'not ours either');

INSERT INTO ev.texts VALUES
	(1, 'null', 'null', 'null', 'null', 'null', 'n'), (2, '', '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL),
	(4, '\N', '\N', '\N', '\N', '\x5c4e', '\'), (5, '\', '\\', '\\\', '\\\\', '\x00', E'\001'),
	(6, E'\t', E'\ta\t', E'\t', E'\t', '\x0a', E'\t'), (7, E'\n', E'a\nb\n', E'\n', E'\n', '\xff', E'\n'),
	(8, E'\r\n', E'\r', E'\r', E'\r', '\x0d0a', E'\r'), (9, '\.', '\.', '\.', '\.', '\x5c2e', '.'),
	(10, E'\b\f\v\x01\x7f', E'\x1b', 'x', 'x', decode(repeat('00ff', 500), 'hex'), 'x'),
	(11, 'ünïcödé ☃ 𝒳 é', 'žluťoučký', 'üüüüüüü', 'ü', '\x', ' '), (12, ' lead and trail ', '  ', '  x', ' ', '\x20', '1'),
	(13, '"', '''', '","', '''''', '\x22', '"'), (14, repeat('x', 63), 'NULL', 'NULL', repeat('n', 63), '\xdeadbeef', E'\177');
INSERT INTO ev.texts SELECT 100 + g, md5(g::text) || repeat(chr(32 + g), g), 'v' || g, 'c' || g, 'n' || g, decode(md5(g::text), 'hex'), chr(32 + g)::"char" FROM generate_series(1, 90) g;
INSERT INTO ev.big VALUES (1, repeat('compressible ', :big_size / 13), NULL, NULL), (4, 'small', 'small', '\x01');
INSERT INTO ev.big SELECT 2, NULL, string_agg(md5(g::text), ''), NULL FROM generate_series(1, :big_size / 32) g;
INSERT INTO ev.big SELECT 3, NULL, NULL, string_agg(decode(md5((-g)::text), 'hex'), '') FROM generate_series(1, :big_size / 64) g;
INSERT INTO ev.big SELECT 10 + n, string_agg(md5((g * n)::text), ''), string_agg(md5((g + n)::text), ''), '\x' FROM generate_series(1, 60) n, generate_series(1, 10 * n) g GROUP BY n;
INSERT INTO ev.numbers VALUES
	(1, 32767, 2147483647, 9223372036854775807, 'NaN', 'NaN', 'NaN', NULL, 0.00123, 92233720368547758.07, 4294967295),
	(2, -32768, -2147483648, -9223372036854775808, 'Infinity', 'Infinity', 'Infinity', 123456, -0.00999, -92233720368547758.08, 0),
	(3, 0, 0, 0, '-Infinity', '-Infinity', '-Infinity', 50, 0, 0, 1), (4, NULL, NULL, NULL, '-0', '-0', '-0', NULL, NULL, NULL, NULL),
	(5, 1, 1, 1, 3.4028235e38, 1.7976931348623157e308, 0.00, 0, 0, 0.01, 2147483648), (6, -1, -1, -1, 1e-45, 5e-324, 1e-10, 0, 0, -0.01, 3),
	(7, 2, 2, 2, 0.1, 0.1, '0.1000000000', 0, 0, 1, 4), (8, 3, 3, 3, 1.17549435e-38, 2.2250738585072014e-308, 1e1000, 0, 0, 1, 5),
	(9, 4, 4, 4, 16777217, 9007199254740993, -1e-1000, 0, 0, 1, 5);
INSERT INTO ev.numbers (id, n) VALUES (20, ('0.' || repeat('0123456789', 1638) || '789')::numeric), (21, ('0.' || repeat('0', 16382) || '1')::numeric),
	(22, repeat('9', 131072)::numeric), (23, ('-1' || repeat('0', 131071) || '.' || repeat('3', 16383))::numeric),
	(24, 10000), (25, 9999), (26, 99990000), (27, 0.0001), (28, 0.00010000), (29, 1.20000), (30, -12345678901234567890.098765432100);
INSERT INTO ev.numbers (id, f8, f4, n) SELECT 1000 + g, sqrt(g) / 7 * pow(10, g % 40 - 20), (ln(g + 1) / 3)::float4, (sqrt(g::numeric) * pow(10::numeric, g % 30 - 10))::numeric FROM generate_series(1, 500) g;
INSERT INTO ev.times VALUES
	(1, 'infinity', '00:00', '00:00+15:59', 'infinity', 'infinity', '178000000 years', '00:00:00.123', '178000000 years', '0.25 s'),
	(2, '-infinity', '24:00', '24:00-15:59', '-infinity', '-infinity', '-178000000 years', '23:59:59.999', '-1 mon', '-0.25 s'),
	(3, '4713-11-24 BC', '23:59:59.999999', '12:34:56.789012+05:45', '4713-11-24 00:00:00 BC', '4713-11-24 00:00:00+00 BC', '-1 mon +3 days -04:05:06.000007', NULL, NULL, NULL),
	(4, '5874897-12-31', '00:00:00.000001', '00:00:00.000001-00:00:01', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '1 day 24:00:00', NULL, NULL, NULL),
	(5, '0001-12-31 BC', '12:00', '12:00+00', '0001-01-01 00:00:00', '0044-03-15 12:00:00+00 BC', '0', NULL, NULL, NULL),
	(6, '2000-01-01', '01:02:03', '01:02:03+02', '1999-12-31 23:59:59.999999', '2024-03-31 02:30:00+01', '1 year 2 mons 3 days 04:05:06.789', NULL, NULL, NULL),
	(7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO ev.arrays (id, i, t) VALUES (1, '{}', '{}'), (2, '{NULL}', '{NULL,"NULL","null",""}'), (3, '[0:2]={1,2,3}', '[-5:-4]={a,b}'),
	(4, '{{1,2},{3,4}}', '{{a,b},{"c d","e\"f"}}'), (5, '[2:3][-1:0][5:5]={{{1},{2}},{{3},{NULL}}}', '{{{a}},{{b}}}'), (6, NULL, NULL),
	(7, array_fill(7, ARRAY[50, 60]), ARRAY['{', '}', ',', '\', '"', E'\n', ' ']), (8, ARRAY(SELECT generate_series(1, 100000)), ARRAY(SELECT md5(g::text) FROM generate_series(1, 3000) g));
INSERT INTO ev.arrays VALUES (20, '{1}', '{t}', '{NaN,Infinity,-1.50,NULL}', '{infinity,"4713-11-24 BC"}', '{"\\x00ff",NULL,"\\x"}', ARRAY['{"a":[1,null]}'::jsonb, 'null', NULL],
	ARRAY[ROW(1, 'x"y', '{1.5,NULL}')::ev.pair, NULL, ROW(NULL, NULL, NULL)::ev.pair], '{red,"it''s \"blue\"",NULL,""}', '{"[1,5)",empty,NULL}', ARRAY['{[1,2),[5,9)}'::int4multirange, '{}', NULL],
	'{"(1,2)"}', '{(1,2),(0,0);(3,4),(1,1)}', '{00000000-0000-0000-0000-000000000000,NULL}', ARRAY['a=>1'::"Ext.Odd ""x""".hstore, NULL], '{1,NULL}', '{abc,""}', '{"a  ",b}');
INSERT INTO ev.jsons VALUES (1, '{"a": 1, "a": 2,   "u": "\u0041\u00e9\ud83d\ude00", "n": "\u0000 kept"}', '{"a": 1, "a": 2, "u": "\u0041\u00e9\ud83d\ude00 \\ \" \n \t \b \u0001"}', '$.a[*] ? (@.b > 1 && exists (@.c)).d', '<a b="c">&amp;&lt;é</a>'),
	(2, 'null', 'null', 'strict $', ''), (3, '""', '""', '$."a b"', '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>'), (4, NULL, NULL, NULL, NULL),
	(5, '[]', '[]', '$[last]', 'just text'), (6, ' { } ', '{}', '$ like_regex "^a\\d" flag "i"', '<?xml version="1.0" encoding="ISO-8859-1"?><ü/>'),
	(7, '1e400', '1e400', '$.**{2 to 3}', '<!-- c --><![CDATA[ ]]&gt; ]]>'), (8, '12345678901234567890.000', '-0.00100', '$x + 1', E'<a>\r\n</a>');
INSERT INTO ev.jsons (id, jb) SELECT 100 + g, jsonb_build_object('k' || g, repeat(md5(g::text), g), 'list', to_jsonb(ARRAY(SELECT generate_series(1, g * 5)))) FROM generate_series(1, 60) g;
INSERT INTO ev.networks VALUES (1, '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'), (2, '::1', '::/0', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00:00:00'),
	(3, '0.0.0.0/0', '192.168.1.1/32', NULL, NULL), (4, '::ffff:1.2.3.4/128', '2001:db8::/32', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff');
INSERT INTO ev.bits VALUES (1, '10101', '', '1', true), (2, '00000', '1', '111111111', false), (3, NULL, repeat('10', 5000)::varbit, '', NULL);
INSERT INTO ev.shapes VALUES (1, '(1.5,-2e300)', '{1,-1,0.1}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(0,0),2.5>'),
	(2, '(NaN,Infinity)', '{0,1,-0}', '[(-0,0),(1e-300,1)]', '(Infinity,1),(-Infinity,0)', '((0,0))', '((1,1))', '<(1,2),0>'), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO ev.searches VALUES (1, $$'a':1A,2B 'it''s':3C 'back\\slash'$$, $$'a':*AB & !( 'b c' | 'd' ) <3> 'e'$$), (2, '', ''), (3, to_tsvector('english', 'the quick brown foxes jumped'), plainto_tsquery('english', 'foxes jump')), (4, NULL, NULL);
INSERT INTO ev.registered VALUES (1, 'ev."Upper"', 'ev.colour', 'ev.new_style', 'ev.overload(text)', 'ev.!#', 'ev.<#(int,int)', 'ev.config', 'ev.dict', 'ev2', '"ev_Odd ""Role"""', 'ev.german', ARRAY['ev.texts', 'pg_class']::regclass[]),
	(2, 'pg_class', 'int[]', 'now', 'now()', NULL, '+(int,int)', 'english', 'simple', 'pg_catalog', NULL, '"C"', '{}'), (3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL);
INSERT INTO ev.system_types VALUES (1, 'FFFFFFFF/FFFFFFFF', '4294967295', '18446744073709551615', '4294967295', '(4294967295,65535)', '10:20:10,14,15', '10:20:10,14,15', 'cursor', 'ev_owner=r*w/ev_reader', '{=U/ev_owner}', '1 2 3', '4 5 6', '12345678-1234-5678-1234-567812345678'),
	(2, '0/0', '0', '0', '0', '(0,0)', '1:1:', '1:1:', '', NULL, '{}', '', '', 'ffffffff-ffff-ffff-ffff-ffffffffffff');
INSERT INTO ev.ranges (id, i4, i8, n, t, tz, d, f, tx, c) VALUES (1, 'empty', '(,)', '[1.50,NaN)', '[-infinity,infinity]', '["2020-01-01 00:00+00",)', '(,infinity)', '[1.1,2.2]', '["a b",c)', '[red,green)'),
	(2, '[1,1]', '[-9223372036854775808,5)', '(,-1e100]', '(,)', 'empty', '[2020-01-01,2020-01-01]', '(,0]', '["",""]', '(,"")'), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO ev.ranges (id, mi4, mi8, mn, mt, mtz, md, mf, mtx, mc) VALUES (4, '{}', '{(,)}', '{[1,2],(3,4.50)}', '{[2020-01-01,2020-01-02],[2021-01-01,)}', '{["2020-01-01 00:00+00",)}', '{(,2020-01-01)}', '{[1,2]}', '{["a","b\\"),["x,y",z]}', '{[red,green]}');
INSERT INTO ev.user_types (id, c, c2, p, n, l, no, pos, ev, i, pd, cd, m, row_of, rows_of) VALUES
	(1, 'it''s "blue"', 'RED', '(1,"a ""q"", \\ b","{1.5,NULL}")', ROW(ROW(2, NULL, '{}'), 'grün', ARRAY[NULL, ROW(3, '', NULL)::ev.pair]), '(1,y)', '()', 1, 4, '[3:4]={1,2}', ROW(1, 'd', NULL), 'abc', '77', ROW(1, 'x'), ARRAY[ROW(2, NULL)::ev."select"]),
	(2, '', 'red', '(,,)', NULL, NULL, NULL, NULL, 2, '{}', NULL, NULL, NULL, NULL, '{}'), (3, 'amber', NULL, '(,"",)', NULL, '(,)', NULL, 2147483647, 2, '{{1,2},{3,4}}', '(,,)', '', '-1', '(,)', NULL);
INSERT INTO ev.extension_types VALUES (1, '"a b"=>NULL, c=>"d\"e", ""=>""', 'CiText', 'Top.Sub_1', 'a.*{2,}.b|c@', '(1,2),(3,4)', '~6.5 .. <9.0', '978-0-393-04002-9', 1, '{A,b}'), (2, '', '', '', '*', '(0)', '1', NULL, NULL, NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO ev.collated VALUES (1, 'Äpfel', 'Abc', 'x'), (2, 'Apfel', 'abd', 'y');

INSERT INTO ev.no_columns SELECT FROM generate_series(1, 13);
INSERT INTO ev.columns_dropped SELECT g, 'b' || g, g FROM generate_series(1, 10) g;
ALTER TABLE ev.columns_dropped DROP b;
ALTER TABLE ev.columns_dropped ADD d text DEFAULT 'dd';
ALTER TABLE ev.columns_dropped DROP a;
INSERT INTO ev.columns_dropped VALUES (11, 'eleven');
INSERT INTO ev.all_dropped SELECT generate_series(1, 4);
ALTER TABLE ev.all_dropped DROP a;
INSERT INTO ev.fast_default SELECT generate_series(1, 50);
ALTER TABLE ev.fast_default ADD b int DEFAULT 7, ADD c text DEFAULT 'missing' NOT NULL, ADD d ev.colour DEFAULT 'green', ADD e int[] DEFAULT '{1,2}', ADD f timestamptz DEFAULT '2001-02-03 04:05:06+00';
INSERT INTO ev.fast_default VALUES (51, NULL, 'given', NULL, NULL, NULL);
ALTER TABLE ev.fast_default ALTER b SET DEFAULT 8;
INSERT INTO ev.generated (a, c) SELECT g, 'c' || g FROM generate_series(1, 30) g;
INSERT INTO ev.generated VALUES (NULL, DEFAULT, NULL, DEFAULT, NULL);
INSERT INTO ev.generated_only SELECT FROM generate_series(1, 6);
INSERT INTO ev.identities (b) SELECT 'b' || g FROM generate_series(1, 11) g;
INSERT INTO ev.identities OVERRIDING SYSTEM VALUE VALUES (-1, 'given'), (100, 'twice');
INSERT INTO ev.identities2 (b) SELECT 'b' || g FROM generate_series(1, 7) g;
INSERT INTO ev.identities2 VALUES (9000000000, 'beyond int4');
INSERT INTO ev.serials (c) SELECT g FROM generate_series(1, 15) g;
INSERT INTO ev.defaults (c) VALUES ('one'), (DEFAULT);
INSERT INTO ev.checks VALUES (1, 2, 3), (NULL, 7, NULL);
INSERT INTO ev.unlogged (t) SELECT 't' || g FROM generate_series(1, 200) g;
INSERT INTO ev.with_options SELECT g, repeat('b', g), 'c' FROM generate_series(1, 100) g;
INSERT INTO ev.own_am SELECT g, 'am' || g FROM generate_series(1, 300) g;
INSERT INTO ev.many_columns (id, c1, c150, c300) SELECT g, g, NULL, g * 3 FROM generate_series(1, 40) g;

INSERT INTO ev.parent SELECT g, 'p' || g FROM generate_series(1, 10) g;
INSERT INTO ev.other_parent SELECT g FROM generate_series(1, 3) g;
INSERT INTO ev.child SELECT g, 'c' || g, g FROM generate_series(1, 20) g;
INSERT INTO ev2.grandchild (a, b, c, z, d) SELECT g, 'g' || g, g, -g, g * 2 FROM generate_series(1, 30) g;
INSERT INTO ev.late_child (a, b, x) SELECT g, 'l' || g, g FROM generate_series(1, 40) g;
INSERT INTO ev.typed VALUES (1, 'one', '{1,2}'), (2, NULL, NULL);
INSERT INTO ev.typed2 VALUES (1, 'one', '{}');
INSERT INTO ev.sales SELECT g, (ARRAY['de', 'fr', 'us', 'it''s', 'xx', NULL, 'yy'])[g % 7 + 1], date '2020-01-01' + (g % 800), g / 7.0, CASE WHEN g % 5 = 0 THEN NULL ELSE 'e' || g END FROM generate_series(1, 3000) g;
INSERT INTO ev.by_colour SELECT c, g FROM generate_series(1, 20) g, unnest(enum_range(NULL::ev.colour)) c;
INSERT INTO ev.by_colour VALUES (NULL, 0);
INSERT INTO ev.by_expression VALUES ('a', 1), ('A', 2), ('b', 3), (NULL, 4);
INSERT INTO ev.detached SELECT generate_series(1, 9);
INSERT INTO ev.generated_part (a, c) SELECT g, -g FROM generate_series(0, 99) g;

SELECT nextval('ev.seq_used') FROM generate_series(1, 17);
SELECT setval('ev.seq_set_not_called', 33, false);
SELECT setval('ev.seq_beyond_int4', 9000000000000000001);
SELECT nextval('ev.seq_down') FROM generate_series(1, 50);
SELECT nextval('ev.seq_cycle') FROM generate_series(1, 5);
SELECT nextval('ev.seq_small');
SELECT setval('ev.seq_max', 9223372036854775807, false);
SELECT setval('ev."Seq ""odd"" 100%"', 3);
SELECT nextval('ev.seq_exhausted') FROM generate_series(1, 2);
SELECT nextval('ev.seq_unlogged') FROM generate_series(1, 3);

-- large objects: empty, small, with NULs, of several pages, sparse; owner, ACL, comment
SELECT lo_create(900001);
SELECT lo_from_bytea(900002, 'hello \000 world');
SELECT lo_from_bytea(900003, decode(repeat('00ff5c0a0d', 200000), 'hex'));
SELECT lo_create(900004);
SELECT lo_put(900004, 5000000, '\x01');
SELECT lo_from_bytea(4294967290, '\x5c2e0a');
SELECT lo_from_bytea(900100 + g, decode(repeat(md5(g::text), g), 'hex')) FROM generate_series(1, 200) g;
COMMENT ON LARGE OBJECT 900002 IS 'a large object''s comment';
ALTER LARGE OBJECT 900002 OWNER TO ev_owner;
GRANT SELECT ON LARGE OBJECT 900002 TO ev_reader;
GRANT ALL ON LARGE OBJECT 900003 TO "ev_Odd ""Role""" WITH GRANT OPTION;
REVOKE UPDATE ON LARGE OBJECT 900003 FROM CURRENT_USER;

-- an extension's tables: only what is marked as configuration is dumped
INSERT INTO ext."Config ""all""" (name, "a value") VALUES ('plain', 'a'), (E'odd\n"name"', NULL);
INSERT INTO ext.config_later VALUES (1), (2);
INSERT INTO ext.config_own (name, later, body) VALUES ('plain', 1, '{"a": 1}'), (E'odd\n"name"', 2, '[]');
INSERT INTO ext.config_own (id, name, parent) VALUES (1000, NULL, 1000);
INSERT INTO ext.member_cache VALUES (2, 'not cloned');
SELECT nextval('ext.config_number') FROM generate_series(1, 3);
