// Receiver stands for whoever is on call: it listens on the address of its argument, and prints each
// notification that Alertmanager's webhook sends to it, a line of JSON each.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			// One Write, so that two notifications at once do not mix.
			notification, err := io.ReadAll(r.Body)
			if err != nil {
				log.Fatal(err)
			}
			os.Stdout.Write(notification)
		})))
}
