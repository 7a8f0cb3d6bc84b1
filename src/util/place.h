// Which place a name on the command line stands for: two spellings of one file are one place.
#ifndef U2MOE_UTIL_PLACE_H_
#define U2MOE_UTIL_PLACE_H_

#include <sys/stat.h>

#include <string>

namespace u2moe {

struct Place {
  bool known = false;  // false for pipes to and from commands, which have no place
  int fd = -1;         // an open descriptor of this process: "-", /dev/stdout, /dev/fd/3
  std::string path;    // else absolute, all links followed; what it names need not exist
  mode_t type = 0;     // S_IFREG and so on; 0: nothing is there yet
  dev_t device = 0;    // with `inode`, of what is there
  ino_t inode = 0;

  bool IsFile() const { return S_ISREG(type) || S_ISBLK(type); }
  void Set(const struct stat &st);
};

// The place of an rxfilename ("-" is standard input, an offset does not count) or of a wxfilename
// ("-" is standard output). Throws Error for a chain of links without an end.
Place FindPlace(const std::string &xfilename, bool reading);

// Where `path` leads through symbolic links, those of its folders and dangling ones included; never
// looks into /proc/<this process>/fd, so /dev/stdout ends there. A folder that is not there leaves
// the name before it as it is. Throws Error for a chain of links without an end.
std::string FollowLinks(const std::string &path);

// N if `path`, as FollowLinks gives it, is the descriptor N of this process; else -1.
int DescriptorOf(const std::string &path);

bool IsStandardOutput(const std::string &wxfilename);  // in any spelling

// Whether what is written to both would be mixed, or one of the two be lost. /dev/null and
// terminals take any number of outputs.
bool SameOutput(const Place &a, const Place &b);
// Whether writing the output would destroy the input, or wait for itself.
bool WritesOver(const Place &output, const Place &input);
// Whether each would take bytes away from the other: standard input or a pipe, not a file.
bool SharesBytes(const Place &a, const Place &b);

}  // namespace u2moe

#endif  // U2MOE_UTIL_PLACE_H_
