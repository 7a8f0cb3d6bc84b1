#include "base/main.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <new>

#include "base/error.h"
#include "base/log.h"
#include "base/signal-cleanup.h"

namespace u2moe {
namespace {

// Takes descriptors 0 to 2 that the caller closed, so that no file gets one of them and then what
// is printed too. Reading standard input and writing standard output still fail.
void OccupyStandardDescriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // Lower ones are taken by now, so open returns fd. The wrong direction makes each use fail.
    if (open("/dev/null", fd == 1 ? O_RDONLY : O_WRONLY) != fd) _exit(1);
  }
}

}  // namespace

int MainWrapper(int argc, char *argv[], int (*run)(int, char **)) {
  // A closed pipe becomes a write error with a message and temporary files removed, not a silent
  // death.
  std::signal(SIGPIPE, SIG_IGN);
  RemoveFilesOnSignals();
  OccupyStandardDescriptors();
  if (argc > 0) SetProgramName(argv[0]);
  try {
    int status = run(argc, argv);
    std::cout.flush();
    if (!std::cout) throw Error("could not write to standard output (pipe closed or disk full)");
    return status;
  } catch (const UsageError &e) {
    LOG_ERROR << e.what() << "\nTry '" << ProgramName() << " --help'.";
    return 2;
  } catch (const std::bad_alloc &) {
    LOG_ERROR << "out of memory";
  } catch (const std::exception &e) {
    LOG_ERROR << e.what();
  }
  return 1;
}

}  // namespace u2moe
