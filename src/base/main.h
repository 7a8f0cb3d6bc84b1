// U2MOE_MAIN(Run) supplies main() for a tool: catches what `int Run(int argc, char *argv[])`
// throws, prints it and returns the exit status: 0 done, 1 failed, 2 wrong usage.
#ifndef U2MOE_BASE_MAIN_H_
#define U2MOE_BASE_MAIN_H_

namespace u2moe {

int MainWrapper(int argc, char *argv[], int (*run)(int, char **));

}  // namespace u2moe

#define U2MOE_MAIN(run) \
  int main(int argc, char *argv[]) { return ::u2moe::MainWrapper(argc, argv, run); }

#endif  // U2MOE_BASE_MAIN_H_
