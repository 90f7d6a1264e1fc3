package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// fromSystemd is the --listen that stands for a socket which systemd has opened.
const fromSystemd = "systemd"

// port is where the server listens: an address, or a socket that is open already.
type port struct {
	address string
	socket  net.Listener // nil for an address
}

func (f *serveFlags) validateListen() error {
	if f.Listen == fromSystemd {
		return nil
	}
	if _, _, err := net.SplitHostPort(f.Listen); err != nil {
		return fmt.Errorf("--listen=%s: %w: write it like 127.0.0.1:8080", f.Listen, err)
	}
	return nil
}

// port finds the socket that systemd hands over, if there is to be one.
func (f *serveFlags) port() (port, error) {
	if f.Listen != fromSystemd {
		return port{address: f.Listen}, nil
	}
	sockets, err := activation.Listeners()
	if err != nil {
		return port{}, err
	}
	if len(sockets) != 1 {
		return port{}, fmt.Errorf("--listen=systemd: systemd has handed over %d sockets, and it takes one: start uploadd by a socket unit with one ListenStream=", len(sockets))
	}
	if _, tcp := sockets[0].(*net.TCPListener); !tcp {
		return port{}, errors.New("--listen=systemd: the socket is not one of TCP: write its address as ListenStream=127.0.0.1:8080")
	}
	return port{address: sockets[0].Addr().String(), socket: sockets[0]}, nil
}

// listen opens the port.
func (p port) listen() (net.Listener, error) {
	if p.socket != nil {
		return p.socket, nil
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("--listen=%s: %w", p.address, err)
	}
	return l, nil
}

// loopback says whether only this machine can reach the port.
func (p port) loopback() bool {
	host, _, err := net.SplitHostPort(p.address)
	return err == nil && loopback(host)
}

// loopback says whether a host is this machine itself, by its address or as localhost.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
