# pgcopydb_ext: build, install and test.
#
#	make demo			two throwaway servers, one clone, proof of equality
#	make check			the tests (TESTS='t/001*' for some), check-quick in a minute
#	make check-hostile	malicious sources, users and poolers, for longer
#	make check-faults	whatever can die, at each phase; FAULTS='worker soak' for some
#	make check-regression	clones of what PostgreSQL's own tests leave behind
#	make check-versions	other majors, which it fetches: VERSIONS='17 18', STAGES='matrix'
#	make check-build	compile against the headers of each major that is there
#	make clean-versions	remove what check-versions has fetched
#	make bench			against pg_dump and pgcopydb (BENCH_SCALE=0.1 for a trial)
#	make lint			the rules of the house
#	make, make install, make installcheck		PGXS, with PG_CONFIG=/path/to/pg_config
#
# The first eleven do all their set-up themselves and install nothing into the
# system's PostgreSQL; they must work before there is a pg_config.  So PGXS, which
# also has a "check" of its own, is left out for them.
OURS = demo check check-quick check-hostile check-faults check-regression check-versions check-build clean-versions lint bench

ifneq ($(filter $(OURS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)

demo:
	@bash test/demo/run

check:
	@TESTS='$(TESTS)' bash test/run

check-quick:
	@bash test/run quick

check-hostile:
	@bash test/run hostile

check-faults:
	@FAULTS='$(FAULTS)' bash test/run faults

check-regression:
	@bash test/regression/run

check-versions:
	@VERSIONS='$(VERSIONS)' STAGES='$(STAGES)' SOURCES='$(SOURCES)' TESTS='$(TESTS)' bash test/versions/run

check-build:
	@bash test/versions/build

clean-versions:
	@bash test/versions/clean

lint:
	@bash test/lint/run

bench:
	@bash test/bench/run

# Targets of PGXS given together with ours.
$(filter-out $(OURS),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else

EXTENSION = pgcopydb_ext
MODULE_big = pgcopydb_ext
DATA = $(wildcard sql/*--*.sql)
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*/*.c)))
OUR_HEADERS = $(wildcard src/*/*.h)
REGRESS = $(sort $(patsubst sql/%.sql,%,$(filter-out $(DATA),$(wildcard sql/*.sql))))

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) does not work: install postgresql-server-dev-15, or set PG_CONFIG; make demo and make check set up what they need)
endif

PG_CPPFLAGS = -I$(CURDIR)/src -I$(shell $(PG_CONFIG) --includedir)
# Points at which tests stop a process, src/base/testpoint.c; not for use.  "make
# clean" before a build with another choice.
ifdef TESTPOINTS
PG_CPPFLAGS += -DPGCOPY_TESTPOINTS
endif
# Only what the server looks up is exported; 15 leaves PGDLLEXPORT empty.
PG_CPPFLAGS += -D'PGDLLEXPORT=__attribute__((visibility("default")))'
override PG_CFLAGS += -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -fvisibility=hidden
SHLIB_LINK = -lpq

include $(PGXS)

$(OBJS): $(OUR_HEADERS)

endif
