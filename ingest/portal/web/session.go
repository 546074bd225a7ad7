package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/shared/secret"
)

// What cookies are for. Their names begin with that of the area.
const (
	sessionCookie = "session"
	flashCookie   = "flash"
	themeCookie   = "theme"

	flashLife = time.Minute
	themeLife = 365 * 24 * time.Hour
	maxFlash  = 512  // bytes
	maxCookie = 4000 // bytes of a session: browsers keep no cookie that is longer than 4096 with its name
)

func (p *place) cookieName(name string) string { return "postrider_" + p.area.Name + "_" + name }

// setCookie keeps a text at the visitor's. Scripts do not see it, and other sites'
// pages cannot have it sent. One that begins in a frame that the settings allow is kept
// apart for that parent, since browsers send no strict cookie there.
func (v *Visit) setCookie(name, value string, life time.Duration) {
	cookie := &http.Cookie{ //nolint:gosec // secure wherever the visitor is
		Name: v.in.cookieName(name), Value: value, Path: v.in.area.Path, MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: v.secure(), SameSite: http.SameSiteStrictMode,
	}
	if len(v.in.Parents) > 0 && v.secure() && v.r.Header.Get("Sec-Fetch-Dest") == "iframe" {
		cookie.SameSite, cookie.Partitioned = http.SameSiteNoneMode, true
	}
	http.SetCookie(v.w, cookie)
}

func (v *Visit) dropCookie(name string) { v.setCookie(name, "", -time.Second) }

// session is whose cookie came with a request. The API tells whether it is good.
func (p *place) session(r *http.Request) Session {
	cookie, err := r.Cookie(p.cookieName(sessionCookie))
	if err != nil {
		return Session{}
	}
	app, token, ok := strings.Cut(cookie.Value, ":")
	if !ok || token == "" {
		return Session{}
	}
	return Session{App: app, Token: secret.New(token)}
}

// loginView is the page to log in at.
type loginView struct {
	Form  Form
	Login string
	Ended bool // whether there was a session, which has ended
}

func showLogin(v *Visit) error {
	return v.Render("login", loginView{Login: v.in.area.Login, Ended: v.Query().Has("ended")})
}

// login takes a key for a session. What is wrong with it is said by the API.
func login(v *Visit) error {
	key := strings.TrimSpace(v.Form().Value("key"))
	session, err := v.in.area.Enter(v.Context(), key, v.as)
	value := session.App + ":" + session.Token.Reveal()
	var fault string
	switch {
	case client.Is(err, http.StatusUnauthorized), client.Is(err, http.StatusForbidden), client.Is(err, http.StatusNotFound):
		fault = "This does not open it: it is not whole, not for here, or has ended."
	case err != nil:
		return err
	case len(value) > maxCookie:
		fault = "This is too long for a browser to keep: have it made with fewer feature flags."
	default:
		v.setCookie(sessionCookie, value, v.in.area.Life)
		v.leave(v.in.area.Path + "/")
		return nil
	}
	return v.Refuse("login", loginView{Form: Form{Faults: map[string]string{"key": fault}}, Login: v.in.area.Login})
}

// logout ends the session everywhere, as far as its token can end.
func logout(v *Visit) error {
	if err := v.API.Post(v.Context(), "/auth/logout", nil, nil, nil); err != nil && !client.Is(err, http.StatusUnauthorized) {
		return err
	}
	v.dropCookie(sessionCookie)
	v.leave(v.in.area.Login)
	return nil
}

// loggedOut shows where to log in. A link from another site comes without the strict
// cookie: then the page asks once more by itself, and the cookie comes along.
func (p *place) loggedOut(v *Visit) error {
	if v.r.Method == http.MethodGet && v.r.Header.Get("Sec-Fetch-Site") == "cross-site" && v.r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		v.w.Header().Set("Refresh", "0")
		return v.Render("error", errorView{Title: "One moment", Detail: "The page opens by itself."})
	}
	v.dropCookie(sessionCookie)
	v.leave(p.area.Login)
	return nil
}

// setTheme remembers whether pages are to be light or dark.
func setTheme(v *Visit) error {
	form := v.Form()
	switch theme := form.Value("theme"); theme {
	case "light", "dark":
		v.setCookie(themeCookie, theme, themeLife)
	default:
		v.dropCookie(themeCookie)
	}
	back := form.Value("back")
	if !v.in.below(back) {
		back = v.in.area.Path + "/"
	}
	v.leave(back)
	return nil
}

// theme is what was remembered: light, dark, or empty for what the system says.
func (v *Visit) theme() string {
	cookie, err := v.r.Cookie(v.in.cookieName(themeCookie))
	if err != nil || cookie.Value != "light" && cookie.Value != "dark" {
		return ""
	}
	return cookie.Value
}
