// Package browser is the tests of the portal and the console in a real browser:
// Chromium, driven over its own protocol, against all of Postrider. They are a
// module of their own because what drives it is none of ours.
//
// One system and one browser serve all tests. Each test has applications of its
// own and a tab that shares neither cookies nor cache with another. Whatever a
// page writes to its console, tries to load from elsewhere or is kept from by its
// security policy fails the test that opened it.
package browser
