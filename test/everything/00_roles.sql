-- Roles that own or are granted objects of the everything database.  Roles
-- are the cluster's, not the database's: load this on the target too.
\set ON_ERROR_STOP on
CREATE ROLE ev_owner;
CREATE ROLE ev_reader;
CREATE ROLE ev_writer;
CREATE ROLE "ev_Odd ""Role""";
CREATE ROLE "ev-hyphen 'role' 100%";
CREATE ROLE "ev_aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
GRANT ev_reader TO ev_writer;
