// Files that must not outlive a process that Ctrl-C, kill or a closed terminal ends.
#ifndef U2MOE_BASE_SIGNAL_CLEANUP_H_
#define U2MOE_BASE_SIGNAL_CLEANUP_H_

#include <string>

namespace u2moe {

// From now on SIGINT, SIGTERM and SIGHUP remove the files that a SignalCleanup names, and then end
// the process as they would have without. One that is ignored (nohup) stays so.
void RemoveFilesOnSignals();

// While it lives, those signals remove the file `path`, which need not be there yet. Beyond 64 at a
// time the others stay: they are an exception, and a signal's handler cannot do with a list that
// grows.
class SignalCleanup {
 public:
  explicit SignalCleanup(const std::string &path);
  ~SignalCleanup();
  SignalCleanup(const SignalCleanup &) = delete;
  SignalCleanup &operator=(const SignalCleanup &) = delete;

 private:
  int slot_ = -1;
};

}  // namespace u2moe

#endif  // U2MOE_BASE_SIGNAL_CLEANUP_H_
