package tui
import ("testing";"fmt";"github.com/charmbracelet/colorprofile";"time")
func TestZZ(t *testing.T){
	s := newShow(t, 80, 24, colorprofile.ANSI)
	for i := range 100 {
		s.put("api-gateway", fmt.Sprintf("SERVICE_%06d_KEY", i), fmt.Sprintf("%04d-a-value-%04d", i*77%10000, i*31%10000), "key of a service")
	}
	s.until("112 secrets")
	s.settled()
	dump := func(k string){
		s.out.log = nil
		frame := s.seen.view().Content
		s.press(k)
		s.eventually("x", func() bool { return s.seen.view().Content != frame })
		s.settled(); time.Sleep(50*time.Millisecond)
		t.Logf("%s: %d %q", k, len(s.out.log), s.out.log)
	}
	dump("v"); dump("j"); dump("j"); dump("k")
	for range 20 {dump("j")}
}
