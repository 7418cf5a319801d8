package tui

import (
	"strconv"

	"tacenda/internal/vault"
)

// drawPreview shows what may be known of the selected secret.
func (s *secretsScreen) drawPreview(u *ui, where rect, focused bool) []string {
	p := pane{title: "Preview", focused: focused && u.listFocused(), w: where.w, h: where.h}
	sel := s.selected()
	if sel == nil {
		return p.draw(u)
	}
	lines := detailLines(u, sel, s.rows.refs[sel.Name], where.w-4)
	return s.scrolled(u, p, lines)
}

// detailLines words a secret: never more than its metadata.
func detailLines(u *ui, x *vault.Secret, refs []vault.Reference, w int) []string {
	sw := newSheet(u, w, "")
	t := u.theme
	r := sw.row()
	version := "v" + strconv.FormatUint(x.Version, 10)
	r.name(t.strong, x.Name, w-u.width(version)-2)
	r.right(t.dim, version, r.left)
	sw.add(r.end())
	sw.space()
	fact := func(label, text string) {
		for i, l := range words(u, text, w-9) {
			r := sw.row()
			if i == 0 {
				r.cell(t.dim, label, 9)
			} else {
				r.gap(9)
			}
			r.text("", l)
			sw.add(r.end())
		}
	}
	fact("hint", u.hintCell(x.Hint, w-9))
	updated := u.minute(x.Updated)
	if w-9 < len(updated) {
		updated = u.day(x.Updated)
	}
	fact("updated", updated)
	fact("by", x.Author)
	if x.LLMSafe {
		fact("models", "may see it")
	}
	if len(x.AllowedHosts) > 0 {
		for i, host := range x.AllowedHosts {
			r := sw.row()
			r.cell(t.dim, []string{"hosts", ""}[min(i, 1)], 9)
			r.name("", host, r.left)
			sw.add(r.end())
		}
	}
	switch {
	case x.Expires.IsZero():
	case x.Expired(u.cfg.Now()):
		sw.notice(t.warn, "!", "expired "+u.day(x.Expires))
	default:
		fact("expires", u.day(x.Expires))
	}
	if x.Description != "" {
		sw.space()
		sw.para("", x.Description)
	}
	sw.space()
	usedBy(sw, refs)
	sw.space()
	sw.line(t.dim, "IN A TEMPLATE")
	sw.line("", u.middle(placeholder(x.Name), w))
	return sw.lines
}

// usedBy lists who refers to a secret.
func usedBy(sw *sheetWriter, refs []vault.Reference) {
	t := sw.u.theme
	sw.line(t.dim, "USED BY")
	if len(refs) == 0 {
		sw.line("", "nothing yet")
		return
	}
	for _, ref := range refs {
		r := sw.row()
		if sw.w < 30 { // no room for two columns
			r.name("", ref.Name, r.left)
			sw.add(r.end())
			sw.line(t.dim, "  "+ref.Kind+", "+ref.Where)
			continue
		}
		r.cell(t.dim, ref.Kind, 13)
		r.name("", ref.Name, r.left)
		sw.add(r.end())
		if ref.Where != "" {
			r := sw.row()
			r.gap(13)
			r.text(t.dim, ref.Where)
			sw.add(r.end())
		}
	}
}
