package blackbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// negativeSerial is a self-signed certificate for 127.0.0.1 whose serial number is negative, as
// some appliances make them.
func negativeSerial(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	issued, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	key := issued.PrivateKey.(*ecdsa.PrivateKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x7e), Subject: pkix.Name{CommonName: "appliance"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().AddDate(0, 0, -1), NotAfter: time.Now().AddDate(0, 0, 1),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &whole); err != nil {
		t.Fatal(err)
	}
	tbs := bytes.Replace(whole.TBS.FullBytes, []byte{2, 1, 0x7e}, []byte{2, 1, 0xfe}, 1)
	digest := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	whole.TBS = asn1.RawValue{FullBytes: tbs}
	whole.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	if der, err = asn1.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der},
		PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// rsaCertificate is self-signed for 127.0.0.1, with an RSA key.
func rsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().AddDate(0, 0, -1),
		NotAfter: time.Now().AddDate(0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
