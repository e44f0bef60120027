package standalone

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstBarrierNamesDirectoryThatAccountMayNotEnter(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	for d := open; d != filepath.Dir(os.TempDir()) && d != os.TempDir(); d = filepath.Dir(d) {
		require.NoError(t, os.Chmod(d, 0o755))
	}
	private := filepath.Join(open, "private")
	target := filepath.Join(private, "data", "postgres")
	require.NoError(t, os.MkdirAll(target, 0o755))
	stranger := &Account{Name: "stranger", uid: 1<<31 - 3, gid: 1<<31 - 3}
	owner := &Account{Name: "owner", uid: uint32(os.Getuid()), gid: uint32(os.Getgid())}

	barrier, err := stranger.firstBarrier(target)
	require.NoError(t, err)
	require.Empty(t, barrier)

	require.NoError(t, os.Chmod(private, 0o700))
	barrier, err = stranger.firstBarrier(target)
	require.NoError(t, err)
	require.Equal(t, private, barrier)
	barrier, err = owner.firstBarrier(target)
	require.NoError(t, err)
	require.Empty(t, barrier)
}

func TestClusterIsMadeWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	draft := filepath.Join(dir, "postgres.new") // an earlier start was killed here
	require.NoError(t, os.MkdirAll(filepath.Join(draft, "base"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(draft, "PG_VERSION"), []byte("15\n"), 0o600))

	p, err := StartPostgres(t.Context(), PostgresConfig{DataDir: dir, Unsafe: true})
	require.NoError(t, err)
	require.NoError(t, p.Stop(t.Context()))
	require.NoDirExists(t, draft)
	require.FileExists(t, filepath.Join(dir, "postgres", "PG_VERSION"))
}
