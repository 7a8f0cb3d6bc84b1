// The recordings that a command line names: files, and folders of them.
#ifndef U2MOE_PIPELINE_RECORDING_LIST_H_
#define U2MOE_PIPELINE_RECORDING_LIST_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace u2moe {

struct Recording {
  std::string path;  // as AudioFile takes it
  // What it is called in transcripts, and, with spaces as they are, its transcript's file: neither
  // the same for two recordings, both without extension.
  std::string name, file;
  int64_t bytes = 0;  // of the file; 0 where that is not known
};

struct RecordingList {
  std::vector<Recording> recordings;
  std::vector<std::pair<std::string, std::string>> problems;  // argument, what is wrong with it
};

// Files as they are given; of a folder, its audio files, by their extensions, and those of its
// folders, sorted by their paths; hidden ones and links to folders are passed over. A name is that
// of the file without extension and, in a folder that was given, with the folders below that. Where
// two would have one name they keep their extensions; if that is not enough, as many of their
// folders, as the paths are given, as it takes. White space in `name` is '_'. Neither order nor
// other recordings with names of their own matter. What is not there, a folder without audio, and
// what is given twice are problems.
RecordingList FindRecordings(const std::vector<std::string> &arguments);

// Whether a name ends like those of audio files, or of films, which have a sound track.
bool HasAudioExtension(const std::string &name);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_RECORDING_LIST_H_
