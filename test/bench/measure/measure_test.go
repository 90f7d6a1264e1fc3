package measure

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

const asBurner = "BENCH_BURNER"

func TestMain(m *testing.M) {
	switch os.Getenv(asBurner) {
	case "burn":
		burn()
	case "start":
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asBurner+"=burn")
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

const burnt = 100 * time.Millisecond

// burn takes at least so much of a processor, and 32 MiB, says how much, and waits.
func burn() {
	ballast := make([]byte, 32<<20)
	for i := range ballast {
		ballast[i] = byte(i)
	}
	spent := time.Duration(0)
	for spent < burnt {
		spent, _ = Own()
	}
	fmt.Println(int64(spent), ballast[12345])
	io.Copy(io.Discard, os.Stdin)
}

// What is measured of a process from outside is what it knows of itself, and what the
// processes that it started have counts as well.
func TestProcess(t *testing.T) {
	for _, role := range []string{"burn", "start"} {
		t.Run(role, func(t *testing.T) {
			machine, err := Machine()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), asBurner+"="+role)
			in, ierr := cmd.StdinPipe()
			out, oerr := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil || ierr != nil || oerr != nil {
				t.Fatal(err, ierr, oerr)
			}
			defer cmd.Wait()
			defer in.Close()
			var own, ballast int64
			if _, err := fmt.Fscan(bufio.NewReader(out), &own, &ballast); err != nil {
				t.Fatal(err)
			}
			cpu, err := CPU(cmd.Process.Pid)
			if extra := cpu - time.Duration(own); err != nil || extra < 0 || extra > burnt {
				t.Errorf("%s from outside, %s from inside, %v", cpu, time.Duration(own), err)
			}
			now, err := Machine()
			if err != nil || now-machine < burnt/2 {
				t.Errorf("the machine was busy for %s meanwhile, %v", now-machine, err)
			}
			if role == "start" {
				return
			}
			if peak, err := Peak(cmd.Process.Pid); err != nil || peak < 32<<20 || peak > 128<<20 {
				t.Errorf("%d bytes were resident at most, %v", peak, err)
			}
		})
	}
	if _, err := CPU(1 << 30); err == nil {
		t.Error("a process that is not there has processor time")
	}
}

// Bytes are counted that a process reads.
func TestRead(t *testing.T) {
	before, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, make([]byte, 10<<20)); err != nil {
		t.Fatal(err)
	}
	after, err := Read(os.Getpid())
	if n := after - before; err != nil || n < 10<<20 || n > 11<<20 {
		t.Errorf("%d bytes were read, %v", n, err)
	}
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	rate, err := Flushes(dir, 20*time.Millisecond)
	if err != nil || rate <= 0 {
		t.Errorf("%f flushes a second, %v", rate, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if err := Sync(dir); err != nil {
		t.Error(err)
	}
}
