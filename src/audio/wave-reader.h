// Tables of audio: wav.scp with file names or commands such as "flac -dc x.flac |", and archives of
// WAV files as Kaldi's wav-copy writes them.
#ifndef U2MOE_AUDIO_WAVE_READER_H_
#define U2MOE_AUDIO_WAVE_READER_H_

#include <istream>
#include <ostream>
#include <string>

#include "audio/sample-loss.h"
#include "audio/wave.h"
#include "table/table.h"

namespace u2moe {

// Reads with ReadAudio. In an archive only WAV files have a known end: any other format must be its
// only entry. Writes 16-bit WAV, see WriteWav; there is no text form. Tools write with WaveWriter
// or WriteWaveFile, which tell what is lost.
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

// A table of 16-bit WAV files. Utterances that do not fit into 16 bits are warned about, see
// LossReport; Close sums up. Errors as TableWriter.
class WaveWriter {
 public:
  explicit WaveWriter(const std::string &wspecifier) : writer_(wspecifier) {}
  void Write(const std::string &key, const WaveData &wave);
  void Close();

 private:
  TableWriter<WaveHolder> writer_;
  LossReport loss_;
};

// One 16-bit WAV file, with the same warning; `name`: where the audio came from, for messages.
// Throws Error.
void WriteWaveFile(const std::string &wxfilename, const WaveData &wave, const std::string &name);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_WAVE_READER_H_
