package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// hpaSync is how often the HPA asks KEDA: Kubernetes' default, and not to be set by users of most
// clouds.
const hpaSync = 15 * time.Second

// controlPlane is a Kubernetes without nodes, and KEDA.
type controlPlane struct {
	dir, server string
	pki         *pki
	processes   []*process // in the order of their start
}

func newControlPlane(dir string) *controlPlane { return &controlPlane{dir: dir} }

func (c *controlPlane) start() error {
	ports, err := freePorts(7)
	if err != nil {
		return err
	}
	c.server = "https://127.0.0.1:" + ports[2]
	if err := c.credentials(); err != nil {
		return err
	}
	if err := c.kubernetes(ports[:4]); err != nil {
		return err
	}
	return c.keda(ports[4], ports[5], ports[6])
}

// stop ends everything in reverse: without etcd the API server would not end in peace.
func (c *controlPlane) stop() {
	for _, p := range slices.Backward(c.processes) {
		p.stop()
	}
}

func (c *controlPlane) credentials() (err error) {
	if c.pki, err = newPKI(filepath.Join(c.dir, "pki")); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(c.pki.path("tokens.csv"), []byte(tokens), 0o600),
		c.pki.issue("kube-apiserver", "127.0.0.1", "10.96.0.1", "kubernetes.default.svc"),
		c.pki.issue("kube-controller-manager", "127.0.0.1"),
		c.pki.issue("front-proxy-client"),
		c.pki.issue("service-account"),
		c.pki.kubeconfig("admin", c.server),
		c.pki.kubeconfig("controller-manager", c.server),
		c.pki.kubeconfig("keda", c.server),
	)
}

func (c *controlPlane) run(name string, env []string, args ...string) (*process, error) {
	p, err := startProcess(c.dir, filepath.Join(binaries, name), env, args...)
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return p, err
}

func (c *controlPlane) kubernetes(ports []string) error {
	etcd, peer := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	_, err := c.run("etcd", nil, "--name=e2e", "--data-dir="+filepath.Join(c.dir, "etcd"),
		"--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer,
		"--initial-cluster=e2e="+peer)
	if err != nil {
		return err
	}
	apiserver, err := c.run("kube-apiserver", nil, "--etcd-servers="+etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+ports[2],
		"--endpoint-reconciler-type=none",
		"--tls-cert-file="+c.pki.path("kube-apiserver.crt"),
		"--tls-private-key-file="+c.pki.path("kube-apiserver.key"),
		"--token-auth-file="+c.pki.path("tokens.csv"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.pki.path("service-account.crt"),
		"--service-account-signing-key-file="+c.pki.path("service-account.key"),
		"--requestheader-client-ca-file="+c.pki.path("ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+c.pki.path("front-proxy-client.crt"),
		"--proxy-client-key-file="+c.pki.path("front-proxy-client.key"))
	if err != nil {
		return err
	}
	err = apiserver.until(2*time.Minute, func() error { return c.try("get", "--raw", "/readyz") })
	if err != nil {
		return err
	}
	manager,
		err := c.run("kube-controller-manager", nil,
		"--kubeconfig="+c.pki.path("controller-manager.kubeconfig"),
		"--authentication-kubeconfig="+c.pki.path("controller-manager.kubeconfig"),
		"--authorization-kubeconfig="+c.pki.path("controller-manager.kubeconfig"),
		"--bind-address=127.0.0.1", "--secure-port="+ports[3], "--leader-elect=false",
		"--use-service-account-credentials",
		"--tls-cert-file="+c.pki.path("kube-controller-manager.crt"),
		"--tls-private-key-file="+c.pki.path("kube-controller-manager.key"),
		"--service-account-private-key-file="+c.pki.path("service-account.key"),
		"--root-ca-file="+c.pki.path("ca.crt"),
		"--controllers=*,-nodelifecycle,-node-ipam-controller",
		"--horizontal-pod-autoscaler-sync-period="+hpaSync.String())
	if err != nil {
		return err
	}
	return manager.until(time.Minute,
		func() error { return c.try("get", "serviceaccount", "default") })
}
