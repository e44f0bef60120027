// Package standalone runs the parts of mcrflow that are programs of their own
// on one machine: a private PostgreSQL cluster and the workflow engine
// temporald. It serves `mcrflow up`, and the tests that need a real database.
//
// A data directory holds everything of one instance:
//
//	<data-dir>/lock               held while an instance runs
//	<data-dir>/postgres/          the cluster
//	<data-dir>/postgres.password  its password (mode 0600)
//	<data-dir>/postgres.port      its port of last time
//	<data-dir>/logs/<part>.log    output of each part, and .log.1 of the run before
//
// No part outlives the program: on Linux the kernel signals a child when its
// parent dies, temporald also watches its standard input, and a PostgreSQL that
// is left over all the same is stopped by the next start.
package standalone
