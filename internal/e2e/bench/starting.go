package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"failover-monitor/internal/fakesite"
)

// starting measures the time from exec to the first value.
func starting(binary string) error {
	well, err := fakesite.Start("127.0.0.1:0", fakesite.Respond(okAnswer))
	if err != nil {
		return err
	}
	defer well.Close()
	var took sample
	for range 20 {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		began := time.Now()
		m, err := start("",
			[]string{"LISTEN_ADDR=" + address, "SITE_A_HEALTH_URL=http://" + well.Address(),
				"SITE_B_HEALTH_URL=http://" + well.Address()}, binary)
		if err != nil {
			return err
		}
		m.address = address
		first, err := firstValue(target{name: "monitor", server: m, path: "/metric/site-a"}, began)
		m.stop()
		if err != nil {
			return err
		}
		took = append(took, first.Seconds())
	}
	fmt.Printf(
		"\nFrom exec to the first value, both sites well, 20 starts, asked every millisecond, median "+
			"(min–max): %s ms\n", took.extremes("%.1f", 1000))
	return nil
}

// sizes prints how big the program is.
func sizes(binary string) error {
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	fmt.Printf("\nBinary: %.2f MB. ", float64(info.Size())/1e6)
	const image = "localhost/failover-monitor:latest"
	out, err := exec.Command("podman", "image", "inspect", "--format", "{{.Size}}", image).Output()
	if err == nil {
		size, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		fmt.Printf("Image %s: %.2f MB\n", image, size/1e6)
		return err
	}
	bundle, err := os.Stat("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		return err
	}
	fmt.Printf(
		"There is no image here (make image); the binary and the CA bundle that it holds are %.2f MB\n",
		float64(info.Size()+bundle.Size())/1e6)
	return nil
}
