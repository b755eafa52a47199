-- What pg_dump does not print of a database's objects, or prints in a way that
-- hides a difference: one row each, "kind|object|facts", in any order.
-- Objects of extensions are what CREATE EXTENSION makes of them; only their
-- privileges can differ.  Nothing here depends on an OID, on the order in which
-- privileges were granted, on columns that were dropped or on the place in the WAL
-- at which a column was made (pg_attver, since the minor releases of late 2026).
SET search_path = pg_catalog;
SET quote_all_identifiers = off;

CREATE TEMP VIEW user_class AS
SELECT c.*, c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgcopy') AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' AND e.extname = 'pgcopydb_ext');

SELECT 'relation', name, relkind, relpersistence, relreplident, relrowsecurity, relforcerowsecurity, relispartition,
       relispopulated OR relkind <> 'm', relhassubclass OR relkind NOT IN ('p', 'I'), pg_get_userbyid(relowner),
       (SELECT amname FROM pg_am a WHERE a.oid = c.relam), (SELECT spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
       (SELECT array_agg(o ORDER BY o) FROM unnest(reloptions) o), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) a),
       reloftype::regtype, pg_get_expr(relpartbound, oid)
  FROM user_class c;

SELECT 'column', c.name || '.' || a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(atttypid, atttypmod),
       attnotnull, attidentity, attgenerated, attstattarget, attstorage, attcompression, attislocal, attinhcount, attcollation::regcollation,
       (SELECT array_agg(o ORDER BY o) FROM unnest(attoptions) o WHERE o !~ '^pg_attver='), attfdwoptions, (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(attacl) x)
  FROM user_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind NOT IN ('i', 'I');

SELECT 'index', c.name, indrelid::regclass, indisunique, indnullsnotdistinct, indisprimary, indisexclusion, indimmediate, indisclustered, indisvalid,
       indisready, indislive, indisreplident, pg_get_indexdef(c.oid),
       (SELECT array_agg(attnum || ':' || attstattarget ORDER BY attnum) FROM pg_attribute a WHERE attrelid = c.oid AND attstattarget >= 0)
  FROM user_class c JOIN pg_index i ON i.indexrelid = c.oid;

SELECT 'constraint', coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text) || '.' || conname, contype, condeferrable, condeferred,
       convalidated, conislocal, coninhcount, connoinherit, conindid::regclass,
       (SELECT conrelid::regclass || '.' || conname FROM pg_constraint p WHERE p.oid = n.conparentid), pg_get_constraintdef(oid)
  FROM pg_constraint n WHERE conrelid IN (SELECT oid FROM user_class) OR contypid >= 16384;

SELECT 'trigger', tgrelid::regclass || '.' || CASE WHEN tgisinternal THEN 'internal ' || tgtype || ' ' || tgfoid::regproc || ' of '
       || (SELECT conrelid::regclass || '.' || conname FROM pg_constraint n WHERE n.oid = tgconstraint) ELSE tgname END,
       tgenabled, tgisinternal, (SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger p WHERE p.oid = t.tgparentid AND NOT tgisinternal)
  FROM pg_trigger t WHERE tgrelid IN (SELECT oid FROM user_class);

SELECT 'inherits', inhrelid::regclass, inhparent::regclass, inhseqno, inhdetachpending FROM pg_inherits WHERE inhrelid IN (SELECT oid FROM user_class);
SELECT 'rule', ev_class::regclass || '.' || rulename, ev_type, ev_enabled, is_instead FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM user_class);
SELECT 'statistics', stxrelid::regclass || '.' || stxname, stxkeys, stxkind, stxstattarget FROM pg_statistic_ext;
SELECT 'sequence', seqrelid::regclass, seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle
  FROM pg_sequence WHERE seqrelid IN (SELECT oid FROM user_class);
SELECT 'type', oid::regtype, typtype, typcategory, typispreferred, typdelim, typalign, typstorage, typlen, typbyval, typnotnull, typdefault,
       typcollation::regcollation, typisdefined, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript,
       typarray::regtype, (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), pg_get_userbyid(typowner)
  FROM pg_type t WHERE t.oid >= 16384 AND typnamespace::regnamespace::text NOT IN ('pg_toast', 'pgcopy', 'information_schema') AND typnamespace::regnamespace::text NOT LIKE 'pg\_temp%'
   AND NOT EXISTS (SELECT FROM pg_class c WHERE c.reltype IN (t.oid, t.typelem) AND c.oid NOT IN (SELECT oid FROM user_class));
SELECT 'function', oid::regprocedure, pg_get_userbyid(proowner), prokind, prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel,
       procost, prorows, prosupport, (SELECT lanname FROM pg_language l WHERE l.oid = prolang), proconfig, probin, md5(prosrc), pg_get_function_result(oid), pg_get_function_arguments(oid)
  FROM pg_proc p WHERE oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');

-- Members of extensions and what else depends on one, by name.
SELECT 'extension ' || extname || CASE deptype WHEN 'e' THEN ' has' ELSE ' is needed by' END, i.type, i.identity
  FROM pg_depend d JOIN pg_extension e ON refclassid = 'pg_extension'::regclass AND refobjid = e.oid
       CROSS JOIN LATERAL pg_identify_object(classid, objid, objsubid) i
 WHERE deptype IN ('e', 'x') AND extname <> 'pgcopydb_ext';
SELECT 'extension', extname, extversion, extnamespace::regnamespace, extrelocatable, pg_get_userbyid(extowner), extconfig::regclass[], extcondition
  FROM pg_extension WHERE extname <> 'pgcopydb_ext';
SELECT 'initial privileges', i.type, i.identity, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(initprivs) a)
  FROM pg_init_privs p CROSS JOIN LATERAL pg_identify_object(classoid, objoid, objsubid) i WHERE privtype = 'e'
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                    WHERE d.classid = p.classoid AND d.objid = p.objoid AND d.deptype = 'e' AND e.extname = 'pgcopydb_ext');
SELECT 'comment', i.type, i.identity, md5(description)
  FROM pg_description CROSS JOIN LATERAL pg_identify_object(classoid, objoid, objsubid) i
 WHERE objoid >= 16384 AND coalesce(i.schema, '') <> 'pgcopy' AND i.identity NOT LIKE '%pgcopy%';
SELECT 'label', i.type, i.identity, provider, label FROM pg_seclabel CROSS JOIN LATERAL pg_identify_object(classoid, objoid, objsubid) i;
SELECT 'schema', nspname, pg_get_userbyid(nspowner), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) a)
  FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)|^pgcopy$';
SELECT 'default privileges', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, defaclobjtype,
       (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(defaclacl) a) FROM pg_default_acl;
SELECT 'operator', oid::regoperator, pg_get_userbyid(oprowner), oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash, oprcode
  FROM pg_operator WHERE oid >= 16384;
SELECT 'member of operator family', i.identity FROM pg_amop o CROSS JOIN LATERAL pg_identify_object('pg_amop'::regclass, o.oid, 0) i WHERE o.oid >= 16384;
SELECT 'function of operator family', i.identity, amproc FROM pg_amproc o CROSS JOIN LATERAL pg_identify_object('pg_amproc'::regclass, o.oid, 0) i WHERE o.oid >= 16384;
SELECT 'publication', pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
       (SELECT array_agg(prrelid::regclass || coalesce(' ' || pg_get_expr(prqual, prrelid), '') || coalesce(' ' || prattrs, '') ORDER BY prrelid::regclass::text) FROM pg_publication_rel WHERE prpubid = p.oid),
       (SELECT array_agg(pnnspid::regnamespace::text ORDER BY 1) FROM pg_publication_namespace WHERE pnpubid = p.oid) FROM pg_publication p;
SELECT 'event trigger', evtname, evtenabled FROM pg_event_trigger WHERE evtname <> 'pgcopy_guard';
