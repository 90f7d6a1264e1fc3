package mutants

const (
	certFiles = "internal/certs/files.go"
	certCache = "internal/certs/cache.go"
	tlsFlags  = "cmd/uploadd/tls.go"
)

var inCerts = []mutant{
	{"a pair that does not fit goes unmentioned", "F5", certFiles, "if err := f.use(); err != nil {\n\t\tf.log.Error(", "if err := f.use(); err == nil {\n\t\tf.log.Debug(", []string{tCerts}},
	{"a new key alone is no change", "F5", certFiles, "bytes.Equal(f.certPEM, certPEM) && bytes.Equal(f.keyPEM, keyPEM)", "bytes.Equal(f.certPEM, certPEM) && keyPEM != nil", []string{tCerts}},
	{"files are not looked at again", "F5", certFiles, "case <-tick.C:", "case <-(chan time.Time)(nil):", []string{tTLS}},
	{"versions of TLS that are broken will do", "I2", certFiles, "tls.VersionTLS12", "tls.VersionTLS10", []string{tCerts}},
	{"HTTP/2 is not offered", "I2", certFiles, `"h2", "http/1.1"`, `"http/1.1"`, []string{tCerts}},
	{"a key that everybody can read goes unmentioned", "H6", certFiles, "&0o004 != 0", "&0o004 > 0o007", []string{tCerts}},
	{"everybody can read the keys of certificates", "H6", certCache, "os.O_EXCL, 0o600", "os.O_EXCL, 0o604", []string{tCerts}},
	{"a certificate is ordered for any name", "I2", "internal/certs/acme.go", "HostPolicy: autocert.HostWhitelist(names...),", "", []string{tTLS}},
	{"a connection has any number of requests", "F4", "internal/server/listen.go", "MaxConcurrentStreams:          64", "MaxConcurrentStreams:          1000", []string{tTLS}},
	{"a certificate without its key is no mistake", "H6", tlsFlags, `case files && f.TLSKey == "":`, `case files && f.TLSKey == "none":`, []string{tProgram}},
	{"strangers can take profiles", "H6", "cmd/uploadd/debug.go", "!addr.IP.IsLoopback()", "addr.IP.IsMulticast()", []string{tProgram}},
	{"everybody can read the database", "H6", "cmd/uploadd/os_unix.go", "syscall.Umask(0o077)", "syscall.Umask(0)", []string{tProgram}},
	{"browsers may go back to plain HTTP", "I2", "internal/server/server.go", "if r.TLS != nil {", "if r.TLS == nil {", []string{tTLS}},
	{"any certificate will do from afar", "I2", "cmd/uploadd/ready.go", "if loopback(host) {", `if loopback(host) || host != "" {`, []string{tProgram}},
}
