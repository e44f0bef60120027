// Package e2e_test tests the product as it is run: PostgreSQL, the workflow engine, `mcrflow api` and `mcrflow worker`,
// each a process of its own, through HTTP only. Every answer is held against api/openapi.yaml. `make build` comes first.
//
// With UPDATE_HISTORIES=1 the tests record the histories that workflows/replay_test.go replays. Those of processes that continue
// as new are recorded on an engine that suggests it after some 40 events (MCRFLOW_TEMPORALD), see CONTRIBUTING.md.
package e2e_test
