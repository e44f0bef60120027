package mail

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// toFolder reports whether messages are written as files, because there is no server.
func (s *Sender) toFolder() bool { return s.cfg.Host == "" && s.cfg.Dir != "" }

// encoding leaves the text of files as it is, so that people and grep can read it. Servers get what every one of them lets
// pass.
func (s *Sender) encoding() []gomail.MsgOption {
	if s.toFolder() {
		return []gomail.MsgOption{gomail.WithEncoding(gomail.NoEncoding)}
	}
	return nil
}

// write puts the message into the folder, whole or not at all. Its name is the Message-ID's: a repetition replaces what it
// repeats, and since our ids begin with the time, those of one kind are in the order in which they were made. Personal links
// are for nobody else on the machine.
func (s *Sender) write(_ context.Context, msg *gomail.Msg) *Error {
	if err := s.writeFile(msg); err != nil {
		return failed(PhaseConnect, err)
	}
	return nil
}

func (s *Sender) writeFile(msg *gomail.Msg) error {
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(s.cfg.Dir, ".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone already when all went well
	_, err = msg.WriteTo(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(strings.Trim(msg.GetMessageID(), "<>"), "@mcrflow")
	return os.Rename(file.Name(), filepath.Join(s.cfg.Dir, strings.ReplaceAll(name, "/", ".")+".eml"))
}
