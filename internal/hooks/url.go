package hooks

import (
	"errors"
	"fmt"
	"net"
	"net/url"
)

const maxURL = 2000 // bytes

// ParseURL reads where a hook is told. An address of a private network is as good as
// another: hooks are the operator's.
func ParseURL(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("the URL of a hook has at most %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	var parse *url.Error
	switch {
	case errors.As(err, &parse): // which would show all of it
		return nil, fmt.Errorf("that is no URL: %w", parse.Err)
	case err != nil:
		return nil, err
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, errors.New("the URL of a hook is of the form https://HOST/PATH")
	case u.User != nil:
		return nil, errors.New("the URL of a hook has no user and no password: receivers know us by the signature")
	case u.Fragment != "":
		return nil, errors.New("the URL of a hook has no fragment (#): nobody would be sent it")
	}
	return u, nil
}

// Exposed says whether others on the way can read what is sent to u.
func Exposed(u *url.URL) bool {
	host := u.Hostname()
	ip := net.ParseIP(host)
	return u.Scheme == "http" && host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// Place is a URL without what may be a secret in it, which its path is to many receivers.
func Place(u *url.URL) string { return u.Scheme + "://" + u.Host }
