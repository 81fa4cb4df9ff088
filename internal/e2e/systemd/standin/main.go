// Standin plays the predecessor for the Quadlet suite: it takes gunicorn's option -b, and says in its
// answers that it is gunicorn.
package main

import (
	"flag"
	"log"
	"net/http"
)

func main() {
	bind := flag.String("b", "0.0.0.0:8000", "host:port to listen at")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*bind, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "gunicorn")
	})))
}
