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

// Serve answers on a listener until the server is shut down. With a web configuration of
// Prometheus' exporter-toolkit it answers over TLS, and only clients that have the certificate or
// the password that the file asks for. The toolkit reads that file, and the files that it names,
// anew for each connection and request. What the toolkit lets in must also pass the guard.
func (s *Server) Serve(on net.Listener) error {
	on = pendingListener{on}
	if s.guard == nil {
		return s.Server.Serve(on)
	}
	s.Handler = guarded(s.Handler, s.guard, s.log)
	flags := &web.FlagConfig{WebConfigFile: &s.guard.path}
	err := web.Serve(on, s.Server, flags, slog.New(toolkitLog{s.log.Handler()}))
	if network := (*net.OpError)(nil); errors.As(err, &network) ||
		errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return errors.New(unusableWebConfig) // the toolkit's error may cite a password
}

// Drain ends idle connections, and returns when no answer is pending, or after the limit. The
// listener must be closed already.
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

const unusableWebConfig = "WEB_CONFIG_FILE cannot be used, and nobody is answered; " +
	"the command config says what is wrong with it"

// toolkitLog replaces the text of the toolkit's warnings and errors, which may cite a password.
type toolkitLog struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (toolkitLog) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

// Handle implements [slog.Handler].
func (t toolkitLog) Handle(ctx context.Context, r slog.Record) error {
	return t.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, unusableWebConfig, r.PC))
}

// errorLog makes a log for the errors of net/http.
func errorLog(to *slog.Logger) *log.Logger { return log.New(netErrors{to}, "", 0) }

type netErrors struct{ log *slog.Logger }

// clientErrors matches handshakes that fail through the client's fault. Any other failure is the
// toolkit's, through a fault in our own file, and its text may cite a password.
var clientErrors = regexp.MustCompile(`^http: TLS handshake error from \S+: ` +
	`((unexpected )?EOF|tls: |(remote|local) error: |read |write |client sent |` +
	`could not find allowed SANs|error parsing client )`)

// Write logs a line. A handshake that fails through the client's fault is logged at info: the
// client may be a KEDA that does not know our CA. A connection that ends before the handshake is
// logged at debug: it is a port scan, or a load balancer's check.
func (n netErrors) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	length := len(line)
	switch handshake := bytes.Contains(line, []byte("TLS handshake error")); {
	case handshake && !clientErrors.Match(line):
		level, line = slog.LevelError, []byte(unusableWebConfig)
	case handshake && bytes.HasSuffix(line, []byte(": EOF\n")):
		level = slog.LevelDebug
	case handshake:
		level = slog.LevelInfo
	}
	n.log.Log(context.Background(), level, probe.Printable(string(bytes.TrimSpace(line))))
	return length, nil
}
