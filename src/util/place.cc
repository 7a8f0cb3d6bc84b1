#include "util/place.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr int kMaxLinks = 40;  // as in Linux

bool SameInode(const Place &a, const Place &b) {
  return a.type != 0 && b.type != 0 && a.device == b.device && a.inode == b.inode;
}

bool SamePath(const Place &a, const Place &b) {
  return a.fd < 0 && b.fd < 0 && a.path == b.path && !S_ISCHR(a.type);
}

std::string AsItIs(const std::string &path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

}  // namespace

void Place::Set(const struct stat &st) {
  known = true;
  type = st.st_mode & S_IFMT;
  device = st.st_dev;
  inode = st.st_ino;
}

std::string FollowLinks(const std::string &path) {
  std::string at = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    const size_t slash = at.rfind('/');
    const std::string base = at.substr(slash == at.npos ? 0 : slash + 1);
    const std::string folder = slash == at.npos ? "." : slash == 0 ? "/" : at.substr(0, slash);
    char resolved[PATH_MAX];
    if (base.empty() || base == "." || base == ".." || !realpath(folder.c_str(), resolved)) {
      return AsItIs(at);
    }
    const std::string prefix = std::string(resolved) == "/" ? "/" : Cat(resolved, "/");
    at = prefix + base;
    if (DescriptorOf(at) >= 0) return at;
    char target[PATH_MAX];
    const ssize_t length = readlink(at.c_str(), target, sizeof target);
    if (length < 0) return at;  // no link
    const std::string next(target, static_cast<size_t>(length));
    at = StartsWith(next, "/") ? next : prefix + next;
  }
  throw Error(path, ": too many symbolic links, or links that lead to one another");
}

int DescriptorOf(const std::string &path) {
  const std::string process = Cat("/proc/", getpid(), "/");
  const size_t slash = path.rfind('/');
  int32_t fd = -1;
  if (!StartsWith(path, process) || !EndsWith(std::string_view(path).substr(0, slash), "/fd") ||
      !ParseNumber(std::string_view(path).substr(slash + 1), &fd)) {
    return -1;
  }
  return fd;
}

Place FindPlace(const std::string &xfilename, bool reading) {
  Place place;
  if (xfilename.empty() || IsPipe(xfilename)) return place;
  place.known = true;
  if (xfilename == "-") {
    place.fd = reading ? STDIN_FILENO : STDOUT_FILENO;
  } else {
    place.path = FollowLinks(reading ? SplitOffset(xfilename).path : xfilename);
    place.fd = DescriptorOf(place.path);
  }
  struct stat st;
  if ((place.fd >= 0 ? fstat(place.fd, &st) : stat(place.path.c_str(), &st)) == 0) place.Set(st);
  return place;
}

bool IsStandardOutput(const std::string &wxfilename) {
  return FindPlace(wxfilename, false).fd == STDOUT_FILENO;
}

bool SameOutput(const Place &a, const Place &b) {
  if (!a.known || !b.known) return false;
  if (a.fd >= 0 && a.fd == b.fd) return true;
  return SamePath(a, b) || (SameInode(a, b) && !S_ISCHR(a.type));
}

bool WritesOver(const Place &output, const Place &input) {
  if (!output.known || !input.known) return false;
  return SamePath(output, input) || (SameInode(output, input) && output.IsFile());
}

bool SharesBytes(const Place &a, const Place &b) {
  if (!a.known || !b.known) return false;
  if (a.fd >= 0 && a.fd == b.fd) return a.fd == STDIN_FILENO || !a.IsFile();
  return SameInode(a, b) && S_ISFIFO(a.type);
}

}  // namespace u2moe
