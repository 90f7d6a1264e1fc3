// Package nodes runs several nodes on one PostgreSQL and one store of bytes, breaks
// what can break between them, and holds them to what one server promises.
//
// The sizes are flags, with small defaults; `make nodes` is the campaign.
package nodes

import (
	"context"
	"flag"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/client"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

var bucket = flag.Bool("bucket", false, "keep the bytes of every test in a bucket")

func TestMain(m *testing.M) { program.Main(m) }

var background = context.Background()

// cluster is some nodes on one pair of stores.
type cluster struct {
	t       testing.TB
	url     string // of the database, past the proxies
	blobs   string
	flags   []string // of serve
	nodes   []*node
	answers *answers
}

// node is a server that keeps its clients when it is started again.
type node struct {
	*program.Server
	proxies []*postgres.Proxy // to each PostgreSQL
	flags   []string
	address atomic.Pointer[string]
}

// newCluster starts n nodes on a database at url, which names each of servers. The bytes
// are in a bucket of versitygw's, or in a directory.
func newCluster(t testing.TB, n int, url string, servers []*postgres.Server, inBucket bool, flags ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, url: url, flags: flags, answers: &answers{}}
	if inBucket || *bucket {
		s3test.Credentials()
		c.blobs = s3test.Versitygw(t, false).URL("nodes", "")
	} else {
		c.blobs = t.TempDir()
	}
	for range n {
		c.add(servers)
	}
	return c
}

// add starts another node.
func (c *cluster) add(servers []*postgres.Server) *node {
	c.t.Helper()
	n := &node{}
	way := c.url
	for _, s := range servers {
		p := postgres.NewProxy(c.t, s)
		n.proxies = append(n.proxies, p)
		way = p.URL(s, way)
	}
	n.flags = append([]string{"--meta=" + way, "--blobs=" + c.blobs}, c.flags...)
	c.nodes = append(c.nodes, n)
	n.start(c.t)
	return n
}

// start runs the node, for the first time or again.
func (n *node) start(t testing.TB) {
	t.Helper()
	n.Server = program.Start(t, program.Options{Flags: n.flags})
	address := strings.TrimPrefix(n.Server.URL, "http://")
	n.address.Store(&address)
}

// each does something at all ways from the node to its database.
func (n *node) each(do func(*postgres.Proxy)) {
	for _, p := range n.proxies {
		do(p)
	}
}

// run runs a command of the program beside the nodes, and returns what it prints.
func (c *cluster) run(args ...string) string {
	c.t.Helper()
	code, out := program.Run(background, append(args, "--meta="+c.url, "--blobs="+c.blobs)...)
	if code != 0 {
		c.t.Errorf("uploadd %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return strings.TrimSpace(out)
}

// check holds records and bytes against each other, by reading all of them.
func (c *cluster) check() {
	c.t.Helper()
	c.run("check", "--read-data")
}

// project makes a project without limits, and a key to it.
func (c *cluster) project(name string, flags ...string) (key string) {
	c.t.Helper()
	c.run("projects", "limit", name, "--max-requests=none", "--max-uploads=none")
	lines := strings.Split(c.run(append([]string{"keys", "create", "--project=" + name}, flags...)...), "\n")
	return lines[len(lines)-1]
}

// client is a client of a node.
func (c *cluster) client(n *node, key string) *client.Client {
	return c.connect(key, &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, *n.address.Load())
	}})
}

// clients is a client of each node.
func (c *cluster) clients(key string) (list []*client.Client) {
	for _, n := range c.nodes {
		list = append(list, c.client(n, key))
	}
	return list
}

// longest is how long a request may take that hangs.
const longest = 40 * time.Second

func (c *cluster) connect(key string, transport *http.Transport) *client.Client {
	c.t.Helper()
	c.t.Cleanup(transport.CloseIdleConnections)
	return uploadstest.Must(client.New(client.Config{
		BaseURL: "http://localhost/v1", Key: key,
		HTTP: &http.Client{Timeout: longest, Transport: &counted{transport, c.answers}},
	}))(c.t)
}
