package doctor

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"
)

const (
	// descriptorShare is how many descriptors a server wants for each connection.
	descriptorShare = 3
	// fullRoom is how many connections it takes at most, and smallRoom how many are too
	// few for anything.
	fullRoom, smallRoom = 4096, 32

	// Memory: 64 Parts in flight and a download take less than 100 MiB, and all that may
	// wait for their clients at once hold up to 256 MiB of buffers.
	plentyOfMemory, littleMemory = 384 << 20, 64 << 20
)

func (e *exam) machine(ctx context.Context) {
	e.try(ctx, "machine.descriptors", func(context.Context) found { return descriptors() })
	e.try(ctx, "machine.memory", func(context.Context) found { return judgeMemory(memoryLimit(os.DirFS("/"))) })
	e.try(ctx, "clock.synchronised", func(context.Context) found { return judgeClock(clockState()) })
}

func descriptors() found {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return doubt("look yourself: ulimit -n", "how many files may be open is not known: %v", err)
	}
	return judgeDescriptors(uint64(l.Cur))
}

func judgeDescriptors(limit uint64) found {
	const do = "raise the limit: LimitNOFILE= of systemd, --ulimit nofile= of a container, ulimit -n of a shell"
	room := limit / descriptorShare
	switch {
	case room < smallRoom:
		return fault(do, "%d open files are allowed: room for %d connections", limit, room)
	case room < fullRoom:
		return doubt(do, "%d open files are allowed: room for %d connections of %d", limit, room, fullRoom)
	}
	return fine("%d open files are allowed", limit)
}

func judgeMemory(limit int64, whose string) found {
	const do = "raise the limit, or let fewer in at once: each Part or download that waits for its client may hold 512 KiB"
	switch size := humanize.IBytes(uint64(limit)); {
	case limit < 0:
		return fine("how much there is is not known")
	case limit < littleMemory:
		return fault(do, "%s by %s", size, whose)
	case limit < plentyOfMemory:
		return doubt(do, "%s by %s; under full load a server may want %s", size, whose, humanize.IBytes(plentyOfMemory))
	default:
		return fine("%s by %s", size, whose)
	}
}

// memoryLimit is the least that the groups of this process, or the machine, allow it in
// bytes, and which of the two it is; -1 if that is not known.
func memoryLimit(root fs.FS) (limit int64, whose string) {
	limit = math.MaxInt64
	take := func(n int64, err error, by string) {
		if err == nil && n > 0 && n < limit {
			limit, whose = n, by
		}
	}
	lines, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(lines)) {
		_, place, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, dir, _ := strings.Cut(place, ":")
		mount, file := "sys/fs/cgroup", "memory.max"
		switch controllers {
		case "": // the second version has one hierarchy
		case "memory":
			mount, file = mount+"/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for dir = path.Clean("/" + dir); ; dir = path.Dir(dir) {
			text, err := fs.ReadFile(root, path.Join(mount, dir, file))
			n, perr := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64) // "max" is no number
			if err == nil {
				err = perr
			}
			take(n, err, "the limit of its control group")
			if dir == "/" {
				break
			}
		}
	}
	info, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(info)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemAvailable:" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			take(n<<10, err, "what the machine has available")
		}
	}
	if limit == math.MaxInt64 {
		return -1, ""
	}
	return limit, whose
}

// clock is what the kernel says of its own.
type clock int

const (
	clockUnknown clock = iota
	clockSynchronised
	clockAlone
)

func judgeClock(c clock) found {
	switch c {
	case clockSynchronised:
		return fine("the kernel's clock is kept by a time service")
	case clockAlone:
		return doubt("run a time service: chrony, systemd-timesyncd or that of the host", "nobody keeps the kernel's clock right")
	}
	return fine("whether the clock is kept right is not known here")
}
