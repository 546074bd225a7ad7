package embedded

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who the database server runs as. PostgreSQL refuses to run as
// root, so root needs another. The zero account is ourselves.
type account struct {
	uid, gid uint32
}

// serverAccount returns who the server of the cluster in dir runs as: ourselves
// unless we are root, then the owner of the cluster, so that data made by an
// ordinary user stays usable for that user; a new cluster gets postgres or,
// where there is no such user, nobody.
func serverAccount(dir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	if info, err := os.Stat(dir); err == nil {
		if owner, ok := ownerOf(info); ok && owner.uid != 0 {
			return owner, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		entry, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(entry.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(entry.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return account{uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return account{}, fmt.Errorf("choose a user for PostgreSQL, which refuses to run as root: " +
		"there is neither a user postgres nor a user nobody")
}

func ownerOf(info fs.FileInfo) (account, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return account{}, false
	}
	return account{uid: stat.Uid, gid: stat.Gid}, true
}

// credential is what a process needs to become the account; nil for ourselves.
func (a account) credential() *syscall.Credential {
	if a.uid == 0 {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives folder dir and all in it to the account, unless dir is its own
// already. The folder comes last: what is cut short is done again.
func (a account) own(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner, ok := ownerOf(info); a.uid == 0 || ok && owner.uid == a.uid {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		return root.Lchown(path, int(a.uid), int(a.gid))
	})
	if err != nil {
		return err
	}
	return root.Lchown(".", int(a.uid), int(a.gid))
}

// ownFile gives an open file to the account.
func (a account) ownFile(file *os.File) error {
	if a.uid == 0 {
		return nil
	}
	return file.Chown(int(a.uid), int(a.gid))
}

// closedAt returns the first folder on the way to dir, itself included, that the
// account may not pass; "" when there is none. It judges by the mode bits alone.
func (a account) closedAt(dir string) string {
	if a.uid == 0 {
		return ""
	}
	closed := ""
	for at := dir; ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && !a.passes(info) {
			closed = at
		}
		if at == filepath.Dir(at) {
			return closed
		}
	}
}

func (a account) passes(info fs.FileInfo) bool {
	owner, ok := ownerOf(info)
	switch mode := info.Mode().Perm(); {
	case !ok:
		return false
	case owner.uid == a.uid:
		return mode&0o100 != 0
	case owner.gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
