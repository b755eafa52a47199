\echo Use "CREATE EXTENSION pgcopy_home" to load this file. \quit

CREATE SCHEMA pgcopy_home_data;
CREATE TABLE pgcopy_home_data.layers (id serial PRIMARY KEY, name text);
SELECT pg_catalog.pg_extension_config_dump('pgcopy_home_data.layers', '');
SELECT pg_catalog.pg_extension_config_dump('pgcopy_home_data.layers_id_seq', '');
CREATE TYPE corner AS (x int, y int);
CREATE TABLE corners (id int PRIMARY KEY, at corner);

-- Its rows are dumped, its sequence is not.
CREATE TABLE half_marked (id serial PRIMARY KEY);
SELECT pg_catalog.pg_extension_config_dump('half_marked', '');
