-- Roles belong to a server, not to a database: the target has to have them before.
CREATE ROLE demo_owner;
CREATE ROLE demo_clerk;
CREATE ROLE demo_auditor;
CREATE ROLE "demo customer's role";
GRANT demo_clerk TO demo_owner;
