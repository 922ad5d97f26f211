import java.io.FileReader;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.eclipse.dataspacetck.core.system.ConsoleMonitor;
import org.eclipse.dataspacetck.dsp.system.DspSystemLauncher;
import org.eclipse.dataspacetck.runtime.ConsoleResultWriter;
import org.eclipse.dataspacetck.runtime.TckRuntime;

/** Runs the suite; the exit code says what its own main class leaves open: whether exactly so many tests passed. */
class Suite {
    public static void main(String[] arguments) throws Exception {
        var file = new Properties();
        try (var reader = new FileReader(arguments[0])) {
            file.load(reader);
        }
        Map<String, String> properties = new HashMap<>();
        file.forEach((key, value) -> properties.put((String) key, (String) value));
        var wanted = Long.parseLong(arguments[1]);
        var only = arguments.length > 2 ? arguments[2] : null;
        var monitor = new ConsoleMonitor(Boolean.parseBoolean(properties.get("dataspacetck.debug")), false);
        var runtime = TckRuntime.Builder.newInstance()
                .properties(properties)
                .addPackage("org.eclipse.dataspacetck.dsp.verification")
                .launcher(DspSystemLauncher.class)
                .monitor(monitor);
        if (only != null) {
            runtime.displayNameMatching(name -> !name.matches("^[A-Z_]+:\\d.*") || name.startsWith(only));
        }
        var summary = runtime.build().execute();
        new ConsoleResultWriter(monitor).output(summary);
        for (var failure : summary.getFailures()) {
            System.out.println("FAILED " + failure.getTestIdentifier().getDisplayName());
        }
        var passed = summary.getTestsSucceededCount();
        System.exit(summary.getTotalFailureCount() == 0 && (only != null ? passed > 0 : passed == wanted) ? 0 : 1);
    }
}
