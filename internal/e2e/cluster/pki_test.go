package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// pki is a folder with one authority, certificates of it, and a token for every user.
type pki struct {
	dir string
	ca  *rig.CA
}

func newPKI(dir string) (*pki, error) {
	p := &pki{dir, rig.NewCA("e2e")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return p, os.WriteFile(p.path("ca.crt"), p.ca.PEM, 0o600)
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

// issue writes name.crt and name.key, for servers and clients.
func (p *pki) issue(name string, names ...string) error {
	cert, key, err := pemPair(p.ca.Issue(time.Now().AddDate(0, 0, 7),
		append([]string{name}, names...)...))
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.path(name+".crt"), cert, 0o600); err != nil {
		return err
	}
	return os.WriteFile(p.path(name+".key"), key, 0o600)
}

func pemPair(certificate tls.Certificate) (cert, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// tokens says who may log in: the suite as the master, and the two as whom they are in a real
// cluster. KEDA's own RBAC applies to it.
const tokens = `admin-token,admin,1,system:masters
controller-manager-token,system:kube-controller-manager,2
keda-token,system:serviceaccount:keda:keda-operator,3,"system:serviceaccounts,system:serviceaccounts:keda"
`

// kubeconfig writes who.kubeconfig, for the one with the token who-token.
func (p *pki) kubeconfig(who, server string) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: e2e, user: {token: %s-token}}]
contexts: [{name: e2e, context: {cluster: e2e, user: e2e}}]
current-context: e2e
`, server, p.path("ca.crt"), who)
	return os.WriteFile(p.path(who+".kubeconfig"), []byte(text), 0o600)
}
