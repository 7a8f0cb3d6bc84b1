// The names of tables on the command line, Kaldi's grammar. docs/tables.md lists what of Kaldi is
// there.
//
// rspecifier: {ark|scp}[,option...]:rxfilename, in any order before the colon, with the options
//   s   keys are sorted (LC_ALL=C): an archive is read only up to where a wanted key would stand
//   cs  values are asked for in sorted order: what is passed is forgotten
//   o   each key is asked for at most once: what was given is forgotten
//   p   permissive: what cannot be read counts as absent, with a warning, and a broken archive as
//       ended there
//   bg  read ahead in a thread of its own (sequential reading)
//   b, t  no effect: binary and text are told from the data
//   A leading n switches an option off: no, ns, ncs, np.
// wspecifier: {ark|scp|ark,scp}[,option...]:wxfilename[,script] with
//   b  binary (default)   t  text   f, nf  flush after each entry or not   p  with scp alone: keys
//   that are not in the script are left out
// rxfilename: a file, "-", "command |", and in script lines "file:offset"; wxfilename: a file, "-",
// "| command" (util/io.h). A line of a script is "key rxfilename[range]"; a range is "[rows]" or
// "[rows,columns]", each first:last (both inclusive), "first:", ":last" or ":" (ParseRange).
#ifndef U2MOE_UTIL_TABLE_SPECIFIER_H_
#define U2MOE_UTIL_TABLE_SPECIFIER_H_

#include <optional>
#include <string>

namespace u2moe {

struct Rspecifier {
  bool is_script = false;
  std::string rxfilename;
  bool once = false, sorted = false, called_sorted = false, permissive = false;
  bool background = false;
};

struct Wspecifier {
  std::optional<std::string> archive, script;  // wxfilename of each
  bool binary = true, flush = false, permissive = false;
};

// Throw UsageError, naming what is wrong with the specifier.
Rspecifier ParseRspecifier(const std::string &rspecifier);
Wspecifier ParseWspecifier(const std::string &wspecifier);

// True if the name reads as a table ("ark:", "scp,t:" and so on) rather than as a plain file.
bool IsTable(const std::string &name);

}  // namespace u2moe

#endif  // U2MOE_UTIL_TABLE_SPECIFIER_H_
