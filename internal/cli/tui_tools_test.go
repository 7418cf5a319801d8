package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

// TestInterfaceCallsTools is the way of a call from the interface to an API and
// back: the value arrives there, and not here.
func TestInterfaceCallsTools(t *testing.T) {
	const value = "sk_live_0123456789abcdef"
	arrived := make(chan string, 10)
	waiting := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/slow":
			close(waiting)
			<-req.Context().Done()
		case "/long":
			_, _ = w.Write(make([]byte, maxShownAnswer+1))
		case "/hidden":
			_, _ = w.Write([]byte("it is " + value[:9] + "\u200b" + value[9:]))
		case "/bad":
			w.WriteHeader(http.StatusTeapot)
		default:
			arrived <- req.Header.Get("Authorization")
			w.Header().Set("X-Auth", req.Header.Get("Authorization"))
			fmt.Fprintf(w, "%s says %s", req.URL.Path, req.Header.Get("Authorization"))
		}
	}))
	defer server.Close()
	v := vaulttest.New(t)
	vaulttest.Put(t, v, vaulttest.Project, "API_KEY", value)
	text := "url: " + server.URL + "/${what}\nheaders:\n  Authorization: Bearer {{API_KEY}}\nparams:\n- name: what\n  type: string\n  required: true\n"
	if _, problems := checkTool(text); len(problems) != 0 {
		t.Fatalf("problems: %v", problems)
	}
	ctx := context.Background()
	if _, err := v.SetText(ctx, vaulttest.Project, vault.Tool, "echo", text, 0); err != nil {
		t.Fatal(err)
	}
	a := testApp(nil)
	call := func(ctx context.Context, what string) (string, bool, bool, error) {
		got, err := a.callTool(ctx, v, vaulttest.Project, "echo", []string{"what=" + what})
		all := got.Status + "\n" + strings.Join(got.Head, "\n") + "\n" + got.Body
		if strings.Contains(all, value) || err != nil && strings.Contains(err.Error(), value) {
			t.Errorf("%s brings the value back: %s, %v", what, all, err)
		}
		return all, got.Failed, got.Cut, err
	}
	all, failed, cut, err := call(ctx, "here")
	if got := <-arrived; got != "Bearer "+value {
		t.Errorf("arrived: %q", got)
	}
	for _, want := range []string{"HTTP/1.1 200 OK", "X-Auth: Bearer {{API_KEY}}", "/here says Bearer {{API_KEY}}"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in the answer: %s", want, all)
		}
	}
	if failed || cut || err != nil {
		t.Errorf("failed %v, cut %v, %v", failed, cut, err)
	}
	if all, _, _, err := call(ctx, "hidden"); err != nil || !strings.Contains(all, "it is {{API_KEY}}") {
		t.Errorf("a value with a blank that nobody sees: %s, %v", all, err)
	}
	if _, failed, _, err := call(ctx, "bad"); !failed || err != nil {
		t.Errorf("status 418: failed %v, %v", failed, err)
	}
	if all, _, cut, err := call(ctx, "long"); !cut || err != nil || len(all) > maxShownAnswer+1000 {
		t.Errorf("a long answer: cut %v, %v, %d bytes", cut, err, len(all))
	}
	stopped, stop := context.WithTimeout(ctx, 10*time.Second)
	go func() { <-waiting; stop() }()
	if _, _, _, err := call(stopped, "slow"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was stopped: %v", err)
	}
}

func TestCheckTool(t *testing.T) {
	tool, problems := checkTool("description: about\nmethod: POST\nurl: https://api.example.com/${a}\nquery:\n  b: ${b}\n  c: ${c}\n" +
		"params:\n- {name: a, type: integer, required: true, description: first}\n- {name: b, type: \"enum(x|y)\", default: x}\n- {name: c, type: number, default: 1.50}\n")
	if len(problems) != 0 {
		t.Fatalf("problems: %+v", problems)
	}
	got := fmt.Sprintf("%+v", tool)
	want := "{Description:about Method:POST URL:https://api.example.com/${a} Params:[" +
		"{Name:a Type:integer Description:first Required:true Default: Choices:[]} " +
		"{Name:b Type:enum(x|y) Description: Required:false Default:x Choices:[x y]} " +
		"{Name:c Type:number Description: Required:false Default:1.50 Choices:[]}]}"
	if got != want {
		t.Errorf("read %s\nwant %s", got, want)
	}
	if _, problems := checkTool("url: https://api.example.com/\nbogus: 1\n"); len(problems) != 1 || problems[0].Line != 2 || problems[0].Warning {
		t.Errorf("problems: %+v", problems)
	}
}
