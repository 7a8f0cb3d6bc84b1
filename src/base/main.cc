#include "base/main.h"

#include <csignal>
#include <exception>
#include <iostream>
#include <new>

#include "base/error.h"
#include "base/log.h"

namespace u2moe {

int MainWrapper(int argc, char *argv[], int (*run)(int, char **)) {
  // A closed pipe becomes a write error with a message and temporary files removed, not a silent
  // death.
  std::signal(SIGPIPE, SIG_IGN);
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
