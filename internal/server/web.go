package server

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"failover-monitor/internal/probe"
)

// Serve answers on a listener until the server is shut down. With a web configuration of Prometheus'
// exporter-toolkit it answers with TLS, and only to those who have the certificate or the password that
// it asks for; it reads that file, and those it names, anew for each connection and request. What the toolkit
// lets in must also pass the guard.
func (s *Server) Serve(on net.Listener) error {
	on = pendingListener{on}
	if s.guard == nil {
		return s.Server.Serve(on)
	}
	s.Handler = guarded(s.Handler, s.guard, s.log)
	err := web.Serve(on, s.Server, &web.FlagConfig{WebConfigFile: &s.guard.path}, slog.New(toolkitLog{s.log.Handler()}))
	if network := (*net.OpError)(nil); errors.As(err, &network) || errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return errors.New(unusable) // the toolkit's error may cite a password
}

// Drain ends idle connections, and returns when no answer is pending, or after that time. The listener must
// be closed already.
func (s *Server) Drain(limit time.Duration) {
	s.SetKeepAlivesEnabled(false)
	s.pending.wait(limit)
}

func guarded(next http.Handler, guard *WebGuard, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard.check(r); err != nil {
			log.Error("nobody is answered", "error", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const unusable = "WEB_CONFIG_FILE cannot be used, and nobody is answered; the command config says what is wrong with it"

// toolkitLog passes on what the toolkit warns of, without what it cites: that may be a password.
type toolkitLog struct{ slog.Handler }

// Enabled is [slog.Handler]'s.
func (toolkitLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle is [slog.Handler]'s.
func (t toolkitLog) Handle(ctx context.Context, r slog.Record) error {
	return t.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, unusable, r.PC))
}

// errorLog takes what net/http has to say.
func errorLog(to *slog.Logger) *log.Logger { return log.New(netErrors{to}, "", 0) }

type netErrors struct{ log *slog.Logger }

// peers is how the reasons begin why a handshake fails for its client's part. Any other is the toolkit's, for
// which our own file is to blame; it may cite a password.
var peers = regexp.MustCompile(`^http: TLS handshake error from \S+: ((unexpected )?EOF|tls: |(remote|local) error: |read |write |client sent |could not find allowed SANs|error parsing client )`)

// Write logs a line. A handshake that fails is its client's concern, unless that is a KEDA which nobody
// told of our CA; one that is not even begun is a port scan, or a load balancer's check.
func (n netErrors) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	length := len(line)
	switch handshake := bytes.Contains(line, []byte("TLS handshake error")); {
	case handshake && !peers.Match(line):
		level, line = slog.LevelError, []byte(unusable)
	case handshake && bytes.HasSuffix(line, []byte(": EOF\n")):
		level = slog.LevelDebug
	case handshake:
		level = slog.LevelInfo
	}
	n.log.Log(context.Background(), level, probe.Printable(string(bytes.TrimSpace(line))))
	return length, nil
}
