// Package client is the Uploads and Files API over HTTP: [Client] implements
// [api.API] against uploadd, or against OpenAI and Azure OpenAI for all but the
// extensions (GetUpload, ListUploads, ListParts).
//
// An error the server answered with is an [*api.Error] again, so errors.Is
// with api.ErrNotFound and its like holds as it does next to the domain. Any
// other error is of the transport or of the caller's own reader, and wraps its
// cause. No error holds the key.
//
// This layer makes one attempt and retries nothing: a repeated AddPart is a
// second Part, and only a caller knows whether its data can be read again. The
// package transfer is such a caller: it sends whole files.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"uploadd/api"
)

// Config says where the server is and who asks.
type Config struct {
	// BaseURL is what the SDKs call base_url, such as
	// http://127.0.0.1:8080/v1, with or without a slash at its end.
	BaseURL string
	// Key is sent as a bearer token; "" sends none.
	Key string
	// HTTP makes the requests; nil is a client made for this one. Its
	// CheckRedirect is not used: a redirect is never followed.
	HTTP *http.Client
	// APIVersion makes it a client of Azure OpenAI, where BaseURL is the
	// resource's endpoint, such as https://name.openai.azure.com: the key is sent
	// in the header api-key, and the version with each request. "v1" is the
	// surface that has the paths of OpenAI, and no version.
	APIVersion string
	// Organization and Project are sent to OpenAI in their headers; "" is not.
	Organization, Project string
}

// Client implements [api.API] over HTTP. It is safe for concurrent use.
type Client struct {
	base   string     // no slash at its end
	query  url.Values // of every request
	key    string
	header http.Header // of every request
	http   *http.Client
}

var _ api.API = (*Client)(nil)

// New makes a Client. It connects to nothing yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.BaseURL)
	var syntax *url.Error
	switch {
	case errors.As(err, &syntax):
		// The URL itself stays out of the error: it may hold a password.
		return nil, fmt.Errorf("client: base URL: %w", syntax.Err)
	case err != nil:
		return nil, fmt.Errorf("client: base URL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("client: base URL: not of the form http://host/v1 or https://host/v1")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("client: base URL: a user, a query or a fragment has no use in it")
	}
	header := http.Header{"User-Agent": {"uploadd-client"}}
	keyHeader, keyPrefix := "Authorization", "Bearer "
	var query url.Values
	if cfg.APIVersion != "" {
		keyHeader, keyPrefix = "Api-Key", ""
		u.Path, query = azure(u.Path, cfg.APIVersion)
	}
	for _, h := range []struct{ name, prefix, value string }{
		{keyHeader, keyPrefix, cfg.Key},
		{"OpenAI-Organization", "", cfg.Organization},
		{"OpenAI-Project", "", cfg.Project},
	} {
		if strings.ContainsFunc(h.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, fmt.Errorf("client: the value for %s contains a control character", h.name)
		}
		if h.value != "" {
			header.Set(h.name, h.prefix+h.value)
		}
	}
	hc := http.Client{Transport: newTransport()}
	if cfg.HTTP != nil {
		hc = *cfg.HTTP // a copy: the caller's stays as it is
	}
	// The API does not redirect. What does is a mistaken address or somebody
	// in between, and neither is to see the key or the data.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: strings.TrimRight(u.String(), "/"), query: query, key: cfg.Key, header: header, http: &hc}, nil
}

// azure returns the path of Azure OpenAI's API below an endpoint's, which may
// have it already, and the query of every request.
func azure(path, version string) (string, url.Values) {
	path = strings.TrimRight(path, "/")
	path = strings.TrimSuffix(strings.TrimSuffix(path, "/v1"), "/openai") + "/openai"
	if version == "v1" {
		return path + "/v1", nil
	}
	return path, url.Values{"api-version": {version}}
}

// BaseURL is the server's address, without a slash at its end: what Config has,
// or for Azure OpenAI the address of the API there.
func (c *Client) BaseURL() string { return c.base }

// String names the server, and keeps the key out of whatever prints a Client.
func (c *Client) String() string { return "client of " + c.base }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// CloseIdle closes the connections that no request is using. Those of a caller's
// own Config.HTTP are among them.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// newTransport bounds every wait but those for bytes to flow, which may take
// as long as the data is long: the context bounds these. It speaks HTTP/1.1,
// which gives each Part a connection of its own: over HTTP/2 all of them would
// share the window of one, and cost a frame every 16 KiB.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		Protocols:              protocols,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		ResponseHeaderTimeout:  10 * time.Minute, // a completion with an md5 reads the whole File
		IdleConnTimeout:        60 * time.Second,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16, // Parts are sent in parallel
		MaxResponseHeaderBytes: 64 << 10,
		WriteBufferSize:        64 << 10,
	}
}

func (c *Client) CreateUpload(ctx context.Context, req api.CreateUploadRequest) (*api.Upload, error) {
	// JSON would quietly replace the bytes that make the name invalid.
	if !utf8.ValidString(req.Filename) {
		return nil, api.ValidateFilename("filename", req.Filename)
	}
	return do[api.Upload](ctx, c, http.MethodPost, "/uploads", nil, req)
}

func (c *Client) GetUpload(ctx context.Context, id string) (*api.Upload, error) {
	return doID[api.Upload](ctx, c, http.MethodGet, "/uploads/", id, "", nil, nil)
}

func (c *Client) ListUploads(ctx context.Context, q api.ListQuery) (*api.List[api.Upload], error) {
	return do[api.List[api.Upload]](ctx, c, http.MethodGet, "/uploads", listValues(q), nil)
}

func (c *Client) ListParts(ctx context.Context, uploadID string, q api.ListQuery) (*api.List[api.PartInfo], error) {
	return doID[api.List[api.PartInfo]](ctx, c, http.MethodGet, "/uploads/", uploadID, "/parts", listValues(q), nil)
}

func (c *Client) CompleteUpload(ctx context.Context, uploadID string, req api.CompleteUploadRequest) (*api.Upload, error) {
	if req.PartIDs == nil {
		req.PartIDs = []string{} // [] on the wire: null is no list
	}
	return doID[api.Upload](ctx, c, http.MethodPost, "/uploads/", uploadID, "/complete", nil, req)
}

func (c *Client) CancelUpload(ctx context.Context, uploadID string) (*api.Upload, error) {
	return doID[api.Upload](ctx, c, http.MethodPost, "/uploads/", uploadID, "/cancel", nil, nil)
}

func (c *Client) ListFiles(ctx context.Context, q api.ListQuery) (*api.List[api.File], error) {
	return do[api.List[api.File]](ctx, c, http.MethodGet, "/files", listValues(q), nil)
}

func (c *Client) GetFile(ctx context.Context, id string) (*api.File, error) {
	return doID[api.File](ctx, c, http.MethodGet, "/files/", id, "", nil, nil)
}

func (c *Client) DeleteFile(ctx context.Context, id string) (*api.DeletedFile, error) {
	return doID[api.DeletedFile](ctx, c, http.MethodDelete, "/files/", id, "", nil, nil)
}

func (c *Client) Usage(ctx context.Context) (*api.Usage, error) {
	return do[api.Usage](ctx, c, http.MethodGet, "/usage", nil, nil)
}

// listValues leaves zero values out: the server has the defaults.
func listValues(q api.ListQuery) url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"after": q.After, "order": q.Order, "purpose": q.Purpose} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// idPath escapes id. An id that would name another path is one no server has
// given out: "" is the list, and dots are cleaned away on the way.
func idPath(before, id, after string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", api.Errorf(api.ErrNotFound, "id", "No such object: %q", id)
	}
	return before + url.PathEscape(id) + after, nil
}
