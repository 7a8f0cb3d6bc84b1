// Tables of audio: wav.scp with file names or commands such as "flac -dc x.flac |", and archives of
// WAV files as Kaldi's wav-copy writes them.
#ifndef U2MOE_FEAT_WAVE_READER_H_
#define U2MOE_FEAT_WAVE_READER_H_

#include <istream>
#include <ostream>
#include <string>

#include "feat/wave.h"
#include "util/table.h"

namespace u2moe {

// Reads with ReadAudio. In an archive only WAV files have a known end: any other format must be its
// only entry. Writes 16-bit WAV; there is no text form.
struct WaveHolder {
  using T = WaveData;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

// Only what ReadAudioInfo finds: for durations. There is no writing.
struct WaveInfoHolder {
  using T = AudioInfo;
  static void Read(std::istream &is, T *value);
};

// All bytes up to the end of the stream, undecoded: samples without a header. There is no writing,
// and no end of such a value in an archive: see CheckRawTable.
struct BytesHolder {
  using T = std::string;
  static void Read(std::istream &is, T *value);
};

// Throws UsageError unless the rspecifier names a script file.
void CheckRawTable(const std::string &rspecifier);

using SequentialWaveInfoReader = SequentialTableReader<WaveInfoHolder>;
using SequentialBytesReader = SequentialTableReader<BytesHolder>;
using SequentialWaveReader = SequentialTableReader<WaveHolder>;
using RandomAccessWaveReader = RandomAccessTableReader<WaveHolder>;
using WaveWriter = TableWriter<WaveHolder>;

}  // namespace u2moe

#endif  // U2MOE_FEAT_WAVE_READER_H_
