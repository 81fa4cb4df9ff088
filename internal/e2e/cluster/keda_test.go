package cluster

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// keda applies the CRDs and the RBAC that come with KEDA, and runs its two programs as its own
// user.
func (c *controlPlane) keda(grpc, health, adapterPort string) error {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2")
	list.Dir = "../keda"
	dir, err := list.Output()
	if err != nil {
		return err
	}
	config := filepath.Join(strings.TrimSpace(string(dir)), "config")
	for _, args := range [][]string{
		{"create", "namespace", "keda"},
		{"apply", "--server-side", "-f", filepath.Join(config, "crd/bases")},
		{"wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"},
		{"apply", "-f", filepath.Join(config, "service_account/service_account.yaml")},
		{"apply", "-f", filepath.Join(config, "rbac/role.yaml"), "-f",
			filepath.Join(config, "rbac/role_binding.yaml")},
		{"apply", "-f", filepath.Join(config, "metrics-server/role.yaml"), "-f",
			filepath.Join(config, "metrics-server/role_binding.yaml")},
	} {
		if err := c.try(args...); err != nil {
			return err
		}
	}
	certs, err := c.kedaCertificates()
	if err != nil {
		return err
	}
	if err := c.kedaOperator(certs, grpc, health); err != nil {
		return err
	}
	return c.kedaAdapter(certs, grpc, adapterPort)
}

// kedaCertificates makes the folder that KEDA's certificate rotation would have made. What it
// trusts besides the system's CAs is there, too: KEDA's --ca-dir.
func (c *controlPlane) kedaCertificates() (dir string, err error) {
	own, err := newPKI(filepath.Join(c.dir, "keda-certificates"))
	if err != nil {
		return "", err
	}
	own.ca = c.pki.ca
	if err := os.WriteFile(own.path("ca.crt"), own.ca.PEM, 0o600); err != nil {
		return "", err
	}
	return own.dir, own.issue("tls", "127.0.0.1", "localhost", "keda-operator.keda.svc",
		"keda-metrics-apiserver.keda.svc")
}

func (c *controlPlane) kedaEnv() []string {
	return []string{"KUBECONFIG=" + c.pki.path("keda.kubeconfig"), "POD_NAMESPACE=keda",
		"KEDA_CLUSTER_OBJECT_NAMESPACE=keda", "WATCH_NAMESPACE="}
}

func (c *controlPlane) kedaOperator(certs, grpc, health string) error {
	operator, err := c.run("keda-operator", c.kedaEnv(), "--zap-encoder=console",
		"--enable-prometheus-metrics=false",
		"--metrics-service-bind-address=127.0.0.1:"+grpc, "--health-probe-bind-address=127.0.0.1:"+health,
		"--cert-dir="+certs, "--ca-dir="+certs)
	if err != nil {
		return err
	}
	return operator.until(time.Minute,
		func() error { return answers("http://127.0.0.1:" + health + "/readyz") })
}

func (c *controlPlane) kedaAdapter(certs, grpc, port string) error {
	kubeconfig := c.pki.path("keda.kubeconfig")
	admin, err := freePorts(1)
	if err != nil {
		return err
	}
	adapter, err := c.run("keda-adapter", c.kedaEnv(), "--zap-encoder=console",
		"--bind-address=127.0.0.1", "--secure-port="+port, "--port="+admin[0],
		"--metrics-service-address=127.0.0.1:"+grpc,
		"--client-ca-file="+filepath.Join(certs, "ca.crt"), "--cert-dir="+certs,
		"--tls-cert-file="+filepath.Join(certs, "tls.crt"),
		"--tls-private-key-file="+filepath.Join(certs, "tls.key"),
		"--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--lister-kubeconfig="+kubeconfig)
	if err != nil {
		return err
	}
	// An ExternalName, because EndpointSlices may not have addresses of loopback.
	if err := c.tryApply(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: keda-metrics-apiserver, namespace: keda}
spec: {type: ExternalName, externalName: 127.0.0.1, ports: [{name: https, port: %[1]s}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  service: {name: keda-metrics-apiserver, namespace: keda, port: %[1]s}
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %[2]s
`, port, base64.StdEncoding.EncodeToString(c.pki.ca.PEM))); err != nil {
		return err
	}
	return adapter.until(time.Minute, func() error {
		return c.try("wait", "--for=condition=Available", "--timeout=2s",
			"apiservice/v1beta1.external.metrics.k8s.io")
	})
}
