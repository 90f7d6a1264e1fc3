// Package s3test runs real S3 stores for tests, and one that misbehaves as it is told.
package s3test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"uploadd/internal/certs/certstest"
)

// Bucket is the bucket that every store has.
const Bucket = "blobs"

const (
	accessKey = "uploadd-test"
	secretKey = "uploadd-test-secret"
)

// Store is an S3 store that runs for a test.
type Store struct {
	Name     string
	Endpoint string
	Dir      string // where it keeps its data; "" in memory
	CA       string // the file of the authority that signed its certificate; "" without TLS
}

// URL is what blob.OpenS3 takes. extra is added to its query.
func (s *Store) URL(prefix, extra string) string {
	query := url.Values{"endpoint": {s.Endpoint}}
	if s.CA != "" {
		query.Set("ca", s.CA)
	}
	if extra != "" {
		extra = "&" + extra
	}
	return "s3://" + Bucket + "/" + prefix + "?" + query.Encode() + extra
}

// Credentials puts those of the stores here into the environment, and keeps the SDK
// from asking elsewhere. They are always the same, so tests may run at once.
func Credentials() {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_REGION": "us-east-1",
	} {
		os.Setenv(name, value)
	}
}

// Versitygw starts a versitygw, with a certificate if secure.
func Versitygw(t testing.TB, secure bool) *Store {
	t.Helper()
	s := &Store{Name: "versitygw", Dir: t.TempDir()}
	address := freeAddress(t)
	args := []string{"--access", accessKey, "--secret", secretKey, "--port", address, "--quiet"}
	if secure {
		s.Name = "versitygw over TLS"
		cert, key := s.certificate(t)
		args = append(args, "--cert", cert, "--key", key)
	}
	run(t, VersitygwPath(t), append(args, "posix", s.Dir)...)
	s.open(t, address)
	return s
}

// VersitygwPath is where the built program is, for tests that run it their own way.
func VersitygwPath(t testing.TB) string {
	t.Helper()
	return built(t, "versitygw", "github.com/versity/versitygw/cmd/versitygw")
}

// Others starts the servers whose programs are named by the environment, because they
// take long to build or are no Go programs: UPLOADD_MINIO, UPLOADD_RCLONE.
func Others(t testing.TB) (stores []*Store) {
	t.Helper()
	if program := os.Getenv("UPLOADD_MINIO"); program != "" {
		s, address := &Store{Name: "MinIO", Dir: t.TempDir()}, freeAddress(t)
		os.Setenv("MINIO_ROOT_USER", accessKey)
		os.Setenv("MINIO_ROOT_PASSWORD", secretKey)
		run(t, program, "server", "--quiet", "--address", address, s.Dir)
		s.open(t, address)
		stores = append(stores, s)
	}
	if program := os.Getenv("UPLOADD_RCLONE"); program != "" {
		s, address := &Store{Name: "rclone serve s3", Dir: t.TempDir()}, freeAddress(t)
		run(t, program, "serve", "s3", "--addr", address, "--auth-key", accessKey+","+secretKey, "--vfs-cache-mode", "off", s.Dir)
		s.open(t, address)
		stores = append(stores, s)
	}
	return stores
}

// certificate makes one for this machine, and returns the files of it and of its key.
func (s *Store) certificate(t testing.TB) (cert, key string) {
	t.Helper()
	authority, dir := certstest.New(t), t.TempDir()
	certPEM, keyPEM := authority.Issue(t, time.Hour, "127.0.0.1")
	cert, key, s.CA = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	for path, content := range map[string][]byte{cert: certPEM, key: keyPEM, s.CA: authority.PEM} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// built builds a tool of tools.mod, or finds it built.
func built(t testing.TB, name, pkg string) string {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "uploadd").Output()
	if err != nil {
		t.Fatalf("where the module is: %v", err)
	}
	path := filepath.Join(string(root[:len(root)-1]), ".cache", "bin", name)
	build := exec.Command("go", "build", "-modfile=tools.mod", "-o", path, pkg)
	build.Dir = string(root[:len(root)-1])
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s cannot be built: %v\n%s", name, err, out)
	}
	return path
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run runs a server until the test ends.
func run(t testing.TB, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if said, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%.2000s", filepath.Base(program), said)
		}
		log.Close()
	})
}

// open waits until the server answers, and makes the bucket.
func (s *Store) open(t testing.TB, address string) {
	t.Helper()
	s.Endpoint = "http://" + address
	if s.CA != "" {
		s.Endpoint = "https://" + address
	}
	client := s.Client(t)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String(Bucket)})
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not start: %v", s.Name, err)
		}
	}
}

// Roots are those that a client of the store trusts; nil for those of the system.
func (s *Store) Roots(t testing.TB) *x509.CertPool {
	t.Helper()
	if s.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return roots
}

// Transport is a plain one of HTTP/1.1 that trusts the store.
func (s *Store) Transport(t testing.TB) *http.Transport {
	t.Helper()
	return &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: s.Roots(t)},
		MaxIdleConnsPerHost:   16,
		ExpectContinueTimeout: 5 * time.Second,
	}
}

// Client is one of the SDK's, to look at the store behind a blob.S3's back.
func (s *Store) Client(t testing.TB) *s3.Client {
	t.Helper()
	Credentials()
	options := []func(*config.LoadOptions) error{}
	if s.CA != "" {
		ca, err := os.Open(s.CA)
		if err != nil {
			t.Fatal(err)
		}
		defer ca.Close()
		options = append(options, config.WithCustomCABundle(ca))
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = aws.String(s.Endpoint), true
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
}

// Presigned is a URL to which anybody may PUT one object, without a signature of its bytes.
func (s *Store) Presigned(t testing.TB, name string) string {
	t.Helper()
	r, err := s3.NewPresignClient(s.Client(t)).PresignPutObject(context.Background(),
		&s3.PutObjectInput{Bucket: aws.String(Bucket), Key: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	return r.URL
}

// PresignedGet is a URL from which anybody may GET one object.
func (s *Store) PresignedGet(t testing.TB, name string) string {
	t.Helper()
	r, err := s3.NewPresignClient(s.Client(t)).PresignGetObject(context.Background(),
		&s3.GetObjectInput{Bucket: aws.String(Bucket), Key: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	return r.URL
}
