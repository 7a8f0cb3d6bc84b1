#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "table/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies features into files of HTK's format, one per utterance: <output-dir>/<utterance>."
      "<output-ext>.\n\n"
      "Usage: copy-feats-to-htk [options] <feats-rspecifier>\n"
      "  e.g. copy-feats-to-htk --output-dir=htk --output-ext=fbank --sample-kind=7 "
      "scp:feats.scp\n");
  std::string dir = "./", extension = "fea";
  int32_t period = 100000, kind = 9;
  po.Register("output-dir", &dir, "folder of the files; made if it is not there");
  po.Register("output-ext", &extension, "how the names of the files end, after a dot");
  po.Register("sample-period", &period, "from one frame to the next, in 100 ns");
  po.Register("sample-kind", &kind,
              "HTK's code of what the numbers are: 6 MFCC, 7 FBANK, 9 USER, 11 PLP");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 1, 1, InputArgs{1})) return 0;
  if (period < 1) throw UsageError("--sample-period=", period, ": expected 1 or more");
  if (kind < 0 || kind > 65535) throw UsageError("--sample-kind=", kind, ": expected 0 to 65535");
  if (extension.empty() || extension.find('/') != std::string::npos) {
    throw UsageError("--output-ext=", extension, ": expected the end of a file's name");
  }
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(dir);
  std::filesystem::create_directories(folder, error);
  if (error) throw Error("cannot make the folder --output-dir=", dir, ": ", error.message());

  std::set<std::string> seen;
  SequentialMatrixReader reader(po.Arg(0));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const std::string &key = reader.Key();
      if (key.find('/') != std::string::npos) {
        throw DataError("its name has a slash and cannot be a file's; rename the utterance");
      }
      if (!seen.insert(key).second) throw DataError("the utterance stands twice in the table");
      WriteObject<HtkMatrixHolder>((folder / (key + "." + extension)).string(), true,
                                   {reader.Value(), period, static_cast<uint16_t>(kind)});
    });
  }
  reader.Close();
  LOG_INFO << "Wrote " << tally.NumDone() << " files to " << dir;
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
