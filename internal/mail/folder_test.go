package mail_test

import (
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/config"
	ourmail "github.com/mcrflow/mcrflow/internal/mail"
)

func TestSend_writes_readable_files_without_a_server(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	cfg := config.SMTP{Dir: dir, From: "mcrflow@localhost"}
	link := "http://127.0.0.1:8080/s/" + strings.Repeat("aB3=", 20)
	m := ourmail.Message{
		ID: "inv_2/0", To: "ann@example.com", Locale: "zh-CN", Subject: "您对我们的服务满意吗？",
		Sections: []ourmail.Section{{Body: "请点击：" + link + "\n.\n谢谢"}}, OptOut: link + "/opt-out",
	}
	require.NoError(t, send(t, cfg, m))
	require.NoError(t, send(t, cfg, m), "a repetition")
	m.ID = "inv_1/0"
	require.NoError(t, send(t, cfg, m))

	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	require.Equal(t, []string{"inv_1.0.eml", "inv_2.0.eml"}, names, "one for each message, nothing half-written")

	text, err := os.ReadFile(filepath.Join(dir, "inv_2.0.eml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "请点击："+link+"\n.\n谢谢", "unbroken, and not encoded")
	read, err := mail.ReadMessage(strings.NewReader(string(text)))
	require.NoError(t, err)
	require.Equal(t, "<inv_2/0@mcrflow>", read.Header.Get("Message-ID"))
	require.Equal(t, "<ann@example.com>", read.Header.Get("To"))
}

func TestSend_into_a_folder_that_cannot_be_made_fails_as_a_server_that_is_down(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := send(t, config.SMTP{Dir: filepath.Join(file, "mail"), From: "mcrflow@localhost"}, ourmail.Message{ID: "a", To: "ann@example.com", Subject: "s"})
	var fault *ourmail.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, ourmail.PhaseConnect, fault.Phase)
}
