package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "directory for pictures of the console")

// console is a browser that shows the console of a node.
type console struct {
	c   *cluster
	ctx context.Context

	mu       sync.Mutex
	messages []string // of the page's console
}

// openConsole starts a browser of its own and opens the page of n in it.
func openConsole(c *cluster, n *node) *console {
	c.t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil && path == "" {
			path = p
		}
	}
	if path == "" {
		c.t.Skip("needs chromium")
	}
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(c.t.TempDir()), chromedp.NoSandbox, chromedp.NoFirstRun,
	}
	for _, name := range []string{"headless", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync"} {
		flags = append(flags, chromedp.Flag(name, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(background(c.t), flags...)
	c.t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	c.t.Cleanup(cancel)
	page := &console{c: c, ctx: ctx}
	page.do(chromedp.EmulateViewport(1280, 1180))
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			page.mu.Lock()
			page.messages = append(page.messages, m.String())
			page.mu.Unlock()
		}
	}()
	page.do(chromedp.Navigate("http://" + n.web + "/"))
	return page
}

func (p *console) do(steps ...chromedp.Action[chromedp.Void]) {
	p.c.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.c.t.Fatal(err)
	}
}

// await polls a JavaScript expression.
func (p *console) await(what, expression string) {
	p.c.t.Helper()
	p.c.await(what, func() bool {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](expression))
		if err != nil {
			p.c.t.Fatalf("%s: %v", expression, err)
		}
		return ok
	})
}

func (p *console) awaitCard(id, state string) {
	p.c.t.Helper()
	p.await(id+" shown as "+state, fmt.Sprintf(`document.querySelector("#member-%s")?.dataset.state === %q`, id, state))
}

// shoot takes a picture when they are wanted.
func (p *console) shoot(name string) {
	p.c.t.Helper()
	if *screenshots == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o644); err != nil {
		p.c.t.Fatal(err)
	}
}

// dress has the page see a dark or light screen of a size.
func (p *console) dress(scheme string, width, height int64) {
	p.c.t.Helper()
	p.do(chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// drawn counts the pixels of a chart that are not shades of grey.
const drawn = `(() => {
	const canvas = document.querySelector("#%s-chart canvas");
	if (!canvas) return false;
	const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
	let coloured = 0;
	for (let i = 0; i < data.length; i += 4) {
		if (data[i + 3] > 128 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) coloured++;
	}
	return coloured > 100;
})()`

func TestConsole(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	var followers []*node
	for _, n := range c.nodes {
		if n != leader {
			followers = append(followers, n)
		}
	}
	host, next := followers[0], followers[1]
	stop := c.work()
	page := openConsole(c, host)

	// what is
	page.awaitCard(leader.id, "leader")
	page.awaitCard(host.id, "follower")
	page.awaitCard(next.id, "follower")
	page.await("three cards", `document.querySelectorAll(".card").length === 3`)
	page.await("three answers", `document.querySelector("[data-key=answering]").textContent === "3 of 3"`)
	page.await("operations drawn", fmt.Sprintf(drawn, "ops"))
	page.await("latencies drawn", fmt.Sprintf(drawn, "latency"))
	page.await("who leads in the strip", `document.querySelector("#strip .reign") !== null`)
	page.await("no banner", `document.querySelector("#banner").hidden`)
	page.portraits()

	// a new leader, by a button
	page.do(chromedp.Click(chromedp.CSS("#member-"+next.id+" .transfer")), chromedp.WaitVisible(chromedp.CSS("#dialog-ok")))
	page.shoot("dialog")
	page.do(chromedp.Click(chromedp.CSS("#dialog-ok")))
	page.awaitCard(next.id, "leader")
	page.awaitCard(leader.id, "follower")
	page.await("the change in the log", fmt.Sprintf(`document.querySelector("#log").textContent.includes("%s leads in term")`, next.id))
	if got := c.leader(); got != next {
		t.Errorf("%s leads, not %s", got.id, next.id)
	}

	// a snapshot, by a button
	page.do(chromedp.Click(chromedp.CSS("#member-"+leader.id+" .snapshot")), chromedp.WaitVisible(chromedp.CSS("#dialog-ok")),
		chromedp.Click(chromedp.CSS("#dialog-ok")))
	c.await("a snapshot on "+leader.id, func() bool { s, ok := leader.status(); return ok && s.Snapshot > 0 })
	page.await("the dialog is gone", `!document.querySelector("#dialog").open`)

	// a node dies
	next.signal(syscall.SIGKILL)
	page.awaitCard(next.id, "down")
	page.await("a banner", fmt.Sprintf(`document.querySelector("#banner").textContent.includes("%s is down")`, next.id))
	page.await("another leader", `document.querySelector(".card[data-state=leader]") !== null`)
	page.shoot("node-down")
	leader.signal(syscall.SIGKILL)
	page.await("no leader", `document.querySelector("[data-key=leader]").textContent === "none"`)
	page.await("no majority", `document.querySelector("#banner").textContent.includes("There is no majority")`)
	page.shoot("no-leader")
	c.start(next)
	c.start(leader)
	page.await("all is well", `document.querySelector("#banner").hidden && document.querySelectorAll(".card[data-state=follower]").length === 2`)
	page.shoot("recovered")

	// the node behind the page dies
	host.signal(syscall.SIGKILL)
	page.await("the page says so", `document.querySelector("#banner").textContent.includes("does not answer") && document.querySelector("main").classList.contains("stale")`)
	page.shoot("lost")
	c.start(host)
	page.await("the page is back", `document.querySelector("#live").dataset.state === "live" && document.querySelector("#banner").hidden`)
	stop()
	page.checkMessages()
}

// portraits are pictures of the page on different screens.
func (p *console) portraits() {
	if *screenshots == "" {
		return
	}
	p.await("some history", `document.querySelector("#strip .reign").clientWidth > 30`)
	p.shoot("light")
	p.dress("dark", 1280, 1180)
	p.await("dark", `matchMedia("(prefers-color-scheme: dark)").matches`)
	p.shoot("dark")
	p.dress("light", 390, 2350)
	p.await("narrow", `innerWidth === 390`)
	p.shoot("phone")
	p.dress("light", 1280, 1180)
}

// checkMessages: nothing but broken connections may have been complained about,
// and how this test reads its pixels.
func (p *console) checkMessages() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.messages {
		if !strings.Contains(m, "net::ERR_") && !strings.Contains(m, "willReadFrequently") {
			p.c.t.Errorf("the page complains: %s", m)
		}
	}
}

// work has clients write and read at every node until stop is called.
func (c *cluster) work() (stop func()) {
	ctx, cancel := context.WithCancel(background(c.t))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() {
			client := n.client()
			defer client.Close()
			pause := time.NewTicker(time.Duration(3+2*i) * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				client.Incr(ctx, "visits") // it may fail: nodes are killed
				client.Get(ctx, "visits")
				<-pause.C
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}
