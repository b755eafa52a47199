# pgcopydb_ext: build, install and test with PGXS.
EXTENSION = pgcopydb_ext
MODULE_big = pgcopydb_ext
DATA = sql/pgcopydb_ext--0.1.sql
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*/*.c)))
HEADERS_OF_OURS = $(wildcard src/*/*.h)

PG_CPPFLAGS = -I$(CURDIR)/src -I$(shell $(PG_CONFIG) --includedir)
PG_CFLAGS += -Wextra -Wno-unused-parameter -Wno-sign-compare -fvisibility=hidden
SHLIB_LINK = -lpq

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(HEADERS_OF_OURS)
