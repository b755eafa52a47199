-- What all specs share: a small source, and the database isolation, which is
-- cloned into.
--
-- A job is stopped at a test point (src/base/testpoint.c): a session has the lock
-- that a process wants there, and can see when one has come.  So nobody has to
-- be quick, and nobody sleeps.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE DATABASE isolation_source TEMPLATE template0;
CREATE DATABASE isolation TEMPLATE template0;

\c isolation_source
CREATE SCHEMA app;
CREATE TABLE app.account (id int PRIMARY KEY, balance int);
INSERT INTO app.account SELECT g, g % 100 FROM generate_series(1, 1000) g;
CREATE INDEX account_balance ON app.account (balance);
CREATE TABLE app.entry (id int PRIMARY KEY, account int REFERENCES app.account);
INSERT INTO app.entry SELECT g, g FROM generate_series(1, 10) g;
CREATE SEQUENCE app.number START 7;

\c isolation
SET client_min_messages = warning;
CREATE SCHEMA helper;
ALTER DATABASE isolation SET client_min_messages = warning;
ALTER DATABASE isolation SET search_path = public, helper;
SET search_path = public, helper;
CREATE EXTENSION pgcopydb_ext;

-- Order the clone that all specs order: one table, one index at a time.
CREATE FUNCTION helper.order_clone() RETURNS bigint LANGUAGE sql AS
$$ SELECT pgcopy_clone(format('host=%s port=%s dbname=isolation_source user=%s',
	current_setting('unix_socket_directories'), current_setting('port'), current_user),
	table_jobs => 1, index_jobs => 1) $$;

-- Stop the processes of jobs that start from now on, each at the given point,
-- until open_point().
CREATE PROCEDURE helper.close_point(point text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER DATABASE isolation SET pgcopy.test_point = %L', point);
	PERFORM pg_advisory_lock(471100, 100);
END $$;

CREATE PROCEDURE helper.open_point() LANGUAGE plpgsql AS $$
BEGIN
	ALTER DATABASE isolation RESET pgcopy.test_point;
	PERFORM pg_advisory_unlock_all();
END $$;

-- Wait until a process stands at the point.
CREATE PROCEDURE helper.await_stop() LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT EXISTS (SELECT FROM pg_locks
		WHERE locktype = 'advisory' AND classid = 471100 AND objid = 100 AND NOT granted)
	LOOP
		IF EXISTS (SELECT FROM pgcopy.job WHERE state IN ('done', 'failed', 'cancelled')) THEN
			RAISE 'the job has ended and did not come to the point';
		END IF;
		PERFORM pg_sleep(0.005);
	END LOOP;
END $$;

-- Wait until a process of a job, or a client, wants a lock that somebody has.
CREATE PROCEDURE helper.await_lock_wait(kind text) LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE datname = current_database() AND backend_type = kind
		AND locktype <> 'advisory' AND NOT granted)
	LOOP
		PERFORM pg_stat_clear_snapshot(), pg_sleep(0.005);
	END LOOP;
END $$;

-- Wait until no process of a job is left.
CREATE PROCEDURE helper.await_silence() LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'pgcopydb_ext')
	LOOP
		PERFORM pg_stat_clear_snapshot(), pg_sleep(0.005);
	END LOOP;
END $$;

-- End a job as nobody should: it is interrupted then.
CREATE PROCEDURE helper.terminate_leader() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_terminate_backend(leader_pid) FROM pgcopy.job AS j, pgcopy.live(j.id);
	CALL helper.await_silence();
END $$;

-- Begin with nothing cloned and no job; the first one has number 1.
CREATE PROCEDURE helper.start_over() LANGUAGE plpgsql AS $$
BEGIN
	CREATE EXTENSION IF NOT EXISTS pgcopydb_ext SCHEMA public;
	ALTER DATABASE isolation RESET pgcopy.test_point;
	PERFORM pgcopy_cancel(id) FROM pgcopy.job;
	CALL helper.await_silence();
	PERFORM pgcopy_cancel(id), pgcopy_drop(id) FROM pgcopy.job;
	ALTER TABLE pgcopy.job ALTER id RESTART;
	DROP SCHEMA IF EXISTS app CASCADE;
END $$;
