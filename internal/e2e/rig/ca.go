package rig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// CA is a certificate authority of a test's own.
type CA struct {
	PEM  []byte // its certificate, as a CA bundle has it
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes an authority that is valid from a year ago for two years.
func NewCA(name string) *CA { return NewCAUntil(name, time.Now().AddDate(1, 0, 0)) }

// NewCAUntil makes an authority that is valid for two years, until then.
func NewCAUntil(name string, notAfter time.Time) *CA {
	return newCA(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: notAfter.AddDate(-2, 0, 0), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	})
}

// NewNoCA makes an authority whose certificate does not allow it to sign others.
func NewNoCA(name string) *CA {
	return newCA(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		KeyUsage:  x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
		BasicConstraintsValid: true,
	})
}

func newCA(template *x509.Certificate) *CA {
	ca := &CA{cert: template}
	ca.key = newKey()
	der := sign(ca.cert, ca.cert, ca.key, ca.key)
	ca.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return ca
}

// Issue makes a server certificate for names, DNS or IP, that was valid for a month before
// notAfter.
func (ca *CA) Issue(notAfter time.Time, names ...string) tls.Certificate {
	key := newKey()
	return tls.Certificate{Certificate: [][]byte{sign(leaf(notAfter, names), ca.cert, key, ca.key)},
		PrivateKey: key}
}

// Verifies is whether a pool trusts what the authority issues.
func (ca *CA) Verifies(pool *x509.CertPool) bool {
	issued, err := x509.ParseCertificate(ca.Issue(time.Now().AddDate(0, 0, 1), "test").Certificate[0])
	if err != nil {
		return false
	}
	_, err = issued.Verify(x509.VerifyOptions{Roots: pool})
	return err == nil
}

// SelfSigned makes a server certificate that no authority has signed, and its PEM.
func SelfSigned(notAfter time.Time, names ...string) (tls.Certificate, []byte) {
	key, template := newKey(), leaf(notAfter, names)
	der := sign(template, template, key, key)
	return tls.Certificate{Certificate: [][]byte{der},
		PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// PEM writes an issued certificate and its key as files have them.
func PEM(issued tls.Certificate) (certificate, key string) {
	der, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		panic(err) // not of Issue
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return encode("CERTIFICATE", issued.Certificate[0]), encode("PRIVATE KEY", der)
}

func leaf(notAfter time.Time, names []string) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]},
		NotBefore: notAfter.AddDate(0, -1, 0), NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return template
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return key
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		panic(err) // the template is wrong
	}
	return der
}
