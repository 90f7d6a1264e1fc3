package server

import (
	"net"
	"net/http"
	"strings"

	"uploadd/api"
)

// Credentials are what a request says of who sends it.
type Credentials struct {
	Key     string // "" when the request has none
	Project string // that the header OpenAI-Project names, "" for none
	// Local says that the request names this machine itself as its host, and that no
	// page of another origin sends it: a browser on this machine sends whatever a
	// page tells it to, also to addresses that nobody else can reach.
	Local bool
}

// Caller is who sends a request, once that is known. The API is cut down to what
// the caller may do.
type Caller struct {
	API     api.API
	Project string // for the log, as is Key
	Key     string // the id of the key, never the key; "" without one
	Done    func() // called once the request has been answered; nil for nothing
}

// authenticate yields the caller's API before anything of the body is read.
func (s *server) authenticate(w http.ResponseWriter, r *http.Request) (api.API, error) {
	c, err := credentials(r.Header)
	if err != nil {
		return nil, err
	}
	c.Local = namesLoopback(r.Host) && sameOrigin.Check(r) == nil
	caller, err := s.Authenticate(r.Context(), c)
	if err != nil {
		return nil, err
	}
	x := exchangeOf(w)
	x.caller = caller
	x.body.admit(caller)
	return caller.API, nil
}

var sameOrigin = http.NewCrossOriginProtection()

// namesLoopback says whether a Host header names this machine and no other. A page
// can give its own name the address of this machine; it cannot take this one's.
func namesLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "" || strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// credentials reads the key, which the SDKs send as a bearer token and those of
// Azure in a header of its own, and the project. There are no organizations here:
// OpenAI-Organization names whatever the caller likes, and opens nothing.
func credentials(h http.Header) (c Credentials, err error) {
	authorization, err := single(h, "Authorization")
	if err != nil {
		return c, err
	}
	if authorization != "" {
		scheme, token, _ := strings.Cut(authorization, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t") {
			return c, api.Errorf(api.ErrUnauthorized, "",
				"The Authorization header is not of the form 'Bearer KEY'.").WithCode(api.CodeInvalidKey)
		}
		c.Key = token
	}
	azure, err := single(h, "Api-Key")
	if err != nil {
		return c, err
	}
	if azure != "" && c.Key != "" && azure != c.Key {
		return c, api.Errorf(api.ErrUnauthorized, "", "The headers Authorization and api-key hold different keys. Send one.")
	}
	if azure != "" {
		c.Key = azure
	}
	c.Project, err = single(h, "Openai-Project")
	return c, err
}

// single returns the value of a header that must not be there twice: each reader
// of the request on its way might take another one for true.
func single(h http.Header, name string) (string, error) {
	values := h.Values(name)
	if len(values) > 1 {
		return "", api.Errorf(api.ErrUnauthorized, "", "The request has %d %s headers. Send one.", len(values), name)
	}
	return h.Get(name), nil
}
