#include "postgres.h"
#include "index/build.h"
const char *
pgcopy_record_build(IndexBuild *build)
{
	return "records";
}
