package blob

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// location is what the URL of an S3 store says.
type location struct {
	bucket string
	prefix string // "" or ends in a slash

	endpoint  string // "" is AWS
	region    string // "" is what the environment says
	pathStyle bool
	checksum  string // checksumAuto or one to insist on
	spool     string // a directory
	roots     *x509.CertPool
}

const (
	checksumAuto  = "auto"
	checksumCRC64 = "crc64nvme"
	checksumMD5   = "md5"
)

// bucketShape is that of AWS, and of buckets that are older than its rules.
var bucketShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)

// prefixShape keeps names free of whatever must be encoded in a URL.
var prefixShape = regexp.MustCompile(`^([A-Za-z0-9._-]+/)*$`)

// parseLocation reads s3://bucket/prefix?key=value…
func parseLocation(raw string) (l location, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return l, fmt.Errorf("'%s' is not the URL of a bucket: write it like s3://bucket/prefix?region=eu-central-1", raw)
	}
	if u.User != nil || u.Port() != "" || u.Fragment != "" {
		return l, fmt.Errorf("'%s': a bucket has no user, port or fragment; keys come from the environment, and a server is named by ?endpoint=https://host:port", u.Redacted())
	}
	l = location{bucket: u.Host, prefix: strings.Trim(u.Path, "/"), checksum: checksumAuto, spool: os.TempDir()}
	if !bucketShape.MatchString(l.bucket) {
		return l, fmt.Errorf("'%s' is not the name of a bucket", l.bucket)
	}
	if l.prefix != "" {
		l.prefix += "/"
	}
	if !prefixShape.MatchString(l.prefix) || len(l.prefix) > 500 {
		return l, fmt.Errorf("the prefix '%s' must consist of letters, digits, '.', '_', '-' and '/', and have 500 characters at most", l.prefix)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return l, fmt.Errorf("'%s': the query is malformed: %w", raw, err)
	}
	l.pathStyle = query.Has("endpoint")
	for key, values := range query {
		if len(values) > 1 {
			return l, fmt.Errorf("'%s' is given %d times: leave one", key, len(values))
		}
		if err := l.set(key, values[0]); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (l *location) set(key, value string) (err error) {
	switch key {
	case "endpoint":
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return fmt.Errorf("endpoint=%s: write it like https://s3.example.com:9000", value)
		}
		l.endpoint = value
	case "region":
		l.region = value
	case "path_style":
		if l.pathStyle, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("path_style=%s: write true or false", value)
		}
	case "checksum":
		if value != checksumAuto && value != checksumCRC64 && value != checksumMD5 {
			return fmt.Errorf("checksum=%s: write %s, %s or %s", value, checksumAuto, checksumCRC64, checksumMD5)
		}
		l.checksum = value
	case "spool":
		if info, err := os.Stat(value); err != nil || !info.IsDir() {
			return fmt.Errorf("spool=%s: there is no such directory: make it, or leave spool out for %s", value, os.TempDir())
		}
		l.spool = value
	case "ca":
		pem, err := os.ReadFile(value)
		if err != nil {
			return fmt.Errorf("ca: %w", err)
		}
		if l.roots = x509.NewCertPool(); !l.roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("ca=%s: there is no certificate in PEM in it", value)
		}
	default:
		return fmt.Errorf("'%s' is not known: the keys are endpoint, region, path_style, checksum, spool and ca", key)
	}
	return nil
}

// String names the place without its settings.
func (l location) String() string { return "s3://" + l.bucket + "/" + l.prefix }
