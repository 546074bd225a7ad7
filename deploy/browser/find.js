// What tests ask of a page. Things are found as people find them: a field by its
// label, a button or link by what it is called. What has no name cannot be found.
(() => {
  const text = (node) => (node ? node.textContent.replace(/\s+/g, ' ').trim() : '')
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })

  const name = (e) => {
    const by = e.getAttribute('aria-labelledby')
    if (by) return by.split(/\s+/).map((id) => text(document.getElementById(id))).join(' ')
    if (e.getAttribute('aria-label')) return e.getAttribute('aria-label')
    if (e.labels && e.labels.length) {
      return [...e.labels].map((label) => {
        const copy = label.cloneNode(true)
        copy.querySelectorAll('input, select, textarea, button, small').forEach((inner) => inner.remove())
        return text(copy)
      }).join(' ')
    }
    if (e.tagName === 'INPUT' && ['submit', 'button'].includes(e.type)) return e.value
    return text(e) || e.title || ''
  }

  // The exact name goes before one that it begins, what stands in <main> before the rest.
  const pick = (selector, want) => {
    const all = [...document.querySelectorAll(selector)].filter(shown)
    const rank = (e) => {
      const is = name(e)
      const fit = is === want ? 0 : is.startsWith(want) ? 2 : is.includes(want) ? 4 : 100
      return fit + (e.closest('main, dialog') ? 0 : 1)
    }
    return all.filter((e) => rank(e) < 100).sort((a, b) => rank(a) - rank(b))[0]
  }

  const clickable = 'a[href], button, summary, input[type=submit], input[type=checkbox], input[type=radio], [role=button], [role=tab], [role=switch], [role=menuitem]'
  const field = 'input:not([type=hidden], [type=submit], [type=button]), textarea, select, [role=combobox]'

  // leaves tells whether a click leads to another page.
  const leaves = (e) => {
    if (e.matches('a[href]')) return !e.target && !e.matches('[hx-get]') && e.href.split('#')[0] !== location.href.split('#')[0]
    if (!e.matches('button, input[type=submit]') || e.type !== 'submit' || !e.form) return false
    return !e.form.matches('[hx-get], [hx-post]') && (e.form.noValidate || e.form.checkValidity())
  }

  return {
    text: () => document.body ? document.body.innerText : '',
    heading: () => text(document.querySelector('h1')),

    // spot is where to click something: its middle, after it was scrolled to. Nothing
    // when something else lies over it.
    spot: (what, want) => {
      const e = pick(what === 'field' ? field : clickable, want)
      if (!e || e.disabled) return null
      e.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' })
      const box = e.getClientRects()[0]
      if (!box) return null
      const x = box.x + box.width / 2, y = box.y + box.height / 2
      const top = document.elementFromPoint(x, y)
      const label = e.labels && [...e.labels].some((l) => l.contains(top))
      if (!top || !(e.contains(top) || top.contains(e) || label)) return null
      globalThis.__before = true // it is gone with the page
      return { x, y, leaves: leaves(e) }
    },
    value: (want) => { const e = pick(field, want); return e ? e.value : null },
    checked: (want) => { const e = pick(field, want); return e ? e.checked : null },
    clear: () => { const e = document.activeElement; if ('value' in e) { e.select() } },

    // error is what stands beside a field about what is wrong with it.
    error: (want) => {
      const e = pick(field, want)
      if (!e || e.getAttribute('aria-invalid') !== 'true') return null
      const ids = [e.getAttribute('aria-errormessage'), e.getAttribute('aria-describedby')].filter(Boolean).join(' ')
      return ids.split(/\s+/).map((id) => text(document.getElementById(id))).join(' ')
    },

    links: () => [...document.links].map((a) => a.href),

    // parameters are what the page's addresses can have behind the question mark.
    parameters: () => [...new Set([
      ...[...document.links].flatMap((a) => [...new URL(a.href).searchParams.keys()]),
      ...[...document.querySelectorAll('form[method=get] [name]')].map((e) => e.name),
    ])],

    // wide names what is wider than the window, which then scrolls sideways.
    wide: () => {
      const room = document.documentElement.clientWidth
      if (document.documentElement.scrollWidth <= room) return []
      return [...document.querySelectorAll('body *')].filter((e) => shown(e) && e.getBoundingClientRect().right > room + 1)
        .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))
    },
  }
})()
