package main

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// bare serves the practical limit: net/http that writes constant bytes, with the headers of the
// monitor's answer, and without its routes and metrics. With limits it has the monitor's timeouts,
// each of which costs net/http a timer for each request.
func bare(limits bool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	body, noStore, asJSON := []byte("{\"value\":0}\n"), []string{"no-store"}, []string{
		"application/json"}
	fmt.Println(listener.Addr())
	srv := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header["Cache-Control"], header["Content-Type"] = noStore, asJSON
		w.Write(body)
	})}
	if limits {
		srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout = 5*time.Second, 7*time.Second, 2*time.Minute
	}
	return srv.Serve(listener)
}
