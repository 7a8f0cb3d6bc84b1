// Command lines in Kaldi's manner, on Boost.ProgramOptions: --name=value, hyphenated names,
// --config=FILE with name=value lines, booleans as --flag or --flag=false (t, f, 1, 0, yes, no).
//
//   OptionParser po("One line of purpose.\n\n"
//                   "Usage: copy-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
//                   "  e.g. copy-feats ark:in.ark ark,t:-\n");
//   CopyOptions opts;  opts.Register(&po);
//   if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;   // --help was printed
//   opts.Check();
#ifndef U2MOE_UTIL_OPTIONS_H_
#define U2MOE_UTIL_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace u2moe {

class Places;

// Which arguments name inputs: the first `count`, or all but the last -count; the others name
// outputs.
struct InputArgs {
  static constexpr int kNone = 1 << 30;  // arguments are no places, or AddPlaces declares them
  int count;
};

class OptionParser {
 public:
  explicit OptionParser(const std::string &usage);
  ~OptionParser();

  // Declares --name with the current *value as its default. doc states the unit. The pointer must
  // live until Parse has returned. Registering one name twice is a programming error.
  void Register(const std::string &name, bool *value, const std::string &doc);
  void Register(const std::string &name, int32_t *value, const std::string &doc);
  void Register(const std::string &name, int64_t *value, const std::string &doc);
  void Register(const std::string &name, float *value, const std::string &doc);
  void Register(const std::string &name, double *value, const std::string &doc);
  void Register(const std::string &name, std::string *value, const std::string &doc);

  // The same for the name of a table or file that is read, or written, unless it is empty.
  void RegisterInput(const std::string &name, std::string *value, const std::string &doc);
  void RegisterOutput(const std::string &name, std::string *value, const std::string &doc);
  // An input that may be given several times, each value added to the list; "" empties it.
  void RegisterInputs(const std::string &name, std::vector<std::string> *values,
                      const std::string &doc);
  // Called at the end of Parse for places that are in no single option or argument.
  void AddPlaces(std::function<void(Places *)> declare);

  // An option that a tool of Kaldi's has and that does nothing here: taken, so that Kaldi's command
  // lines work, and not used. `why` ends the help: "no effect, as in Kaldi" if it is "".
  template <class T>
  void RegisterUnused(const std::string &name, T value, const std::string &why) {
    auto unused = std::make_shared<T>(value);
    Register(name, unused.get(), "no effect" + (why.empty() ? ", as in Kaldi" : ": " + why));
    Keep(unused);
  }

  // A check to be made at the end of Parse, for values that are used only much later.
  void AddCheck(std::function<void()> check);

  // Parses the command line, then prints it to stderr (unless --print-args=false). Returns false if
  // --help was given, after or before whatever else, once it is printed to stdout; a reader that
  // wants no more of it is no error. Throws UsageError for an unknown option (naming the nearest
  // known one), a bad value, or a number of positional arguments outside [min_args, max_args];
  // max_args -1: any number. Throws PlaceError (util/places.h) where two outputs have one place, an
  // output is an input, or a stream is read twice.
  bool Parse(int argc, const char *const *argv, int min_args, int max_args, InputArgs inputs);

  int NumArgs() const { return static_cast<int>(args_.size()); }
  const std::string &Arg(int i) const { return args_.at(static_cast<size_t>(i)); }
  // As Arg, but "" where fewer arguments were given.
  std::string OptionalArg(int i) const { return i < NumArgs() ? Arg(i) : std::string(); }
  // True if --name was given on the command line or in a configuration file.
  bool WasGiven(const std::string &name) const;

  // As --name=value on the command line, for settings that are kept elsewhere. Throws UsageError.
  void Set(const std::string &name, const std::string &value);
  // Reads a configuration file of name=value lines (a leading -- is allowed, # starts a comment)
  // into the registered variables, as --config does. Throws UsageError with file and line.
  void ReadConfigFile(const std::string &path);
  // Reads the configuration of another tool, all options of which are registered: as
  // ReadConfigFile, then makes the checks. What it says of help, log and arguments has no effect.
  void ReadForeignConfig(const std::string &path);

 private:
  struct Impl;
  void PrintHelp() const;
  void CheckPlaces(InputArgs inputs) const;
  void RunChecks() const;
  void Keep(std::shared_ptr<void> value);  // until the parser goes

  std::unique_ptr<Impl> impl_;
  std::vector<std::string> args_;
};

// A value that a shell reads back as one word.
std::string ShellQuote(const std::string &s);

}  // namespace u2moe

#endif  // U2MOE_UTIL_OPTIONS_H_
